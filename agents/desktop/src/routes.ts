import { createRouter, createWebHashHistory, type Router } from 'vue-router'

import { useSession } from './stores/session'
import { detour, type Page } from './ways'

export function makeRoutes(): Router {
  const router = createRouter({
    history: createWebHashHistory(),
    routes: [
      { path: '/', redirect: '/login' },
      { path: '/login', name: 'login', component: () => import('./pages/LoginPage.vue') },
      { path: '/setup', name: 'setup', component: () => import('./pages/SetupPage.vue') },
      { path: '/desk', name: 'desk', component: () => import('./pages/DeskPage.vue') },
      { path: '/people', name: 'people', component: () => import('./pages/PeoplePage.vue') },
      { path: '/knowledge', name: 'knowledge', component: () => import('./pages/KnowledgePage.vue') },
      { path: '/board', name: 'board', component: () => import('./pages/BoardPage.vue') },
      { path: '/reports', name: 'reports', component: () => import('./pages/ReportsPage.vue') },
      { path: '/submissions', name: 'submissions', component: () => import('./pages/SubmissionsPage.vue') },
      { path: '/audit', name: 'audit', component: () => import('./pages/AuditPage.vue') },
      { path: '/bulletins', name: 'bulletins', component: () => import('./pages/BulletinsPage.vue') },
      { path: '/sound', name: 'sound', component: () => import('./pages/SoundPage.vue') },
      { path: '/account', name: 'account', component: () => import('./pages/AccountPage.vue') },
      { path: '/:rest(.*)*', redirect: '/login' },
    ],
  })
  router.beforeEach(async (to) => {
    const session = useSession()
    if (!session.isAsked) await session.ask()
    const name = detour(to.name as Page, session.person)
    if (name === null) return true
    // A letter leads to a report; whoever has to sign in first gets there all the same.
    return name === 'login' ? { name, query: { to: to.fullPath } } : { name }
  })
  return router
}
