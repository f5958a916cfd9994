import { createPinia, setActivePinia } from 'pinia'
import { expect, it, vi } from 'vitest'

vi.stubGlobal('fetch', () => Promise.resolve(Response.json({ code: 'session_needed', message: '请先登录。' }, { status: 401 })))
const { makeRoutes } = await import('../src/routes')

it('a letter that is opened before signing in is not forgotten', async () => {
  setActivePinia(createPinia())
  const router = makeRoutes()
  await router.push('/reports?report=day&first=2026-11-01&last=2026-11-02')
  expect(router.currentRoute.value.name).toBe('login')
  expect(router.currentRoute.value.query.to).toBe('/reports?report=day&first=2026-11-01&last=2026-11-02')
})
