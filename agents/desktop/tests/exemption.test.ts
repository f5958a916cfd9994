import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, expect, it, vi } from 'vitest'

const CALL = 'n1-17-1763785000.42'
const OTHER = 'n1-17-1763785000.43'

const sent: string[] = []
let current = CALL
let answer: (body: unknown) => Response = (body) => Response.json(body)

vi.stubGlobal('fetch', async (request: Request): Promise<Response> => {
  const path = new URL(request.url).pathname
  if (path.endsWith('/calls/current')) return Response.json({ activity: 'talking', call_id: current, card: null })
  if (request.method === 'GET') return Response.json({ reason: 'wrong_number' })
  const body: unknown = request.method === 'PUT' ? await request.json() : { reason: null }
  sent.push(`${request.method} ${path.split('/').at(-2) ?? ''} ${JSON.stringify(body)}`)
  return answer(body)
})
const { useExemption } = await import('../src/stores/exemption')

beforeEach(() => {
  setActivePinia(createPinia())
  sent.length = 0
  current = CALL
  answer = (body) => Response.json(body)
})

it('a page that is loaded anew knows what was said of its call', async () => {
  const exemption = useExemption()
  await exemption.look(CALL)
  expect(exemption.reason).toBe('wrong_number')
  await exemption.look('')
  expect(exemption.reason).toBeNull()
})

it('what is said at the telephone is said of the call there, whatever form is open', async () => {
  const exemption = useExemption()
  await exemption.look(OTHER)
  expect(await exemption.sayHere('redirected')).toBe(true)
  expect(exemption.reason).toBe('redirected')
  expect(await exemption.sayHere(null)).toBe(true)
  expect(exemption.reason).toBeNull()
  expect(sent).toEqual([`PUT ${CALL} {"reason":"redirected"}`, `DELETE ${CALL} {"reason":null}`])
})

it('without a call nothing is sent', async () => {
  current = ''
  const exemption = useExemption()
  expect(await exemption.sayHere('wrong_number')).toBe(false)
  expect(exemption.problem).not.toBeNull()
  expect(sent).toEqual([])
})

it('what is refused does not hold, and is told', async () => {
  const exemption = useExemption()
  await exemption.look(CALL)
  answer = () => Response.json({ code: 'no_callback', message: '此通话不是已拨出的回拨。' }, { status: 409 })
  expect(await exemption.say(CALL, 'not_reached')).toBe(false)
  expect(exemption.reason).toBe('wrong_number')
  expect(exemption.problem).toMatchObject({ code: 'no_callback' })
})

it('the answer of a call that is gone does not label the next one', async () => {
  const exemption = useExemption()
  await exemption.look(CALL)
  const saying = exemption.say(CALL, 'not_reached')
  void exemption.look('')
  await saying
  expect(exemption.reason).toBeNull()
})
