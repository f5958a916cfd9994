import { createRouter, createWebHashHistory, type Router } from 'vue-router'

import { useSession } from './stores/session'

export function makeRoutes(): Router {
  const router = createRouter({
    history: createWebHashHistory(),
    routes: [
      { path: '/', redirect: '/desk' },
      { path: '/login', name: 'login', component: () => import('./pages/LoginPage.vue') },
      { path: '/desk', name: 'desk', component: () => import('./pages/DeskPage.vue') },
      { path: '/board', name: 'board', component: () => import('./pages/BoardPage.vue') },
      { path: '/sound', name: 'sound', component: () => import('./pages/SoundPage.vue') },
      { path: '/:rest(.*)*', redirect: '/desk' },
    ],
  })
  router.beforeEach(async (to) => {
    const session = useSession()
    if (!session.isAsked) await session.ask()
    if (!session.person && to.name !== 'login') return { name: 'login' }
    if (session.person && to.name === 'login') return { name: 'desk' }
    return true
  })
  return router
}
