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
  expect(exemption.of(CALL).reason).toBe('wrong_number')
  await exemption.look('')
  expect(exemption.of('').reason).toBeNull()
})

it('what was said of one call is never shown for another, whatever form is open', async () => {
  const exemption = useExemption()
  exemption.arrived(CALL)
  expect(await exemption.sayHere('redirected')).toBe(true)
  await exemption.look(OTHER)
  expect(exemption.of(OTHER).reason).toBe('wrong_number')
  expect(exemption.here.reason).toBe('redirected')
  expect(await exemption.withdraw(OTHER)).toBe(true)
  expect(exemption.here.reason).toBe('redirected')
  exemption.arrived('')
  expect(exemption.here.reason).toBeNull()
})

it('what is said at the telephone is said of the call there, whatever form is open', async () => {
  const exemption = useExemption()
  await exemption.look(OTHER)
  expect(await exemption.sayHere('redirected')).toBe(true)
  expect(exemption.here.reason).toBe('redirected')
  expect(exemption.of(OTHER).reason).toBe('wrong_number')
  expect(await exemption.sayHere(null)).toBe(true)
  expect(exemption.here.reason).toBeNull()
  expect(sent).toEqual([`PUT ${CALL} {"reason":"redirected"}`, `DELETE ${CALL} {"reason":null}`])
})

it('without a call nothing is sent', async () => {
  current = ''
  const exemption = useExemption()
  expect(await exemption.sayHere('wrong_number')).toBe(false)
  expect(exemption.here.problem).not.toBeNull()
  expect(sent).toEqual([])
})

it('what is refused does not hold, and is told of its own call alone', async () => {
  const exemption = useExemption()
  await exemption.look(CALL)
  answer = () => Response.json({ code: 'settled', message: '回拨结果已确定，不能再更改。' }, { status: 409 })
  expect(await exemption.say(CALL, 'not_reached')).toBe(false)
  expect(exemption.of(CALL).reason).toBe('wrong_number')
  expect(exemption.of(CALL).problem).toMatchObject({ code: 'settled' })
  expect(exemption.of(OTHER).problem).toBeNull()
})

it('the answer of a call that is gone does not label the next one', async () => {
  const exemption = useExemption()
  exemption.arrived(CALL)
  const saying = exemption.say(CALL, 'not_reached')
  exemption.arrived('')
  await saying
  expect(exemption.here.reason).toBeNull()
  expect(exemption.of(CALL).reason).toBe('not_reached')
})

it('of very many calls the last ones are remembered', async () => {
  const exemption = useExemption()
  for (let call = 0; call < 60; call += 1) await exemption.look(`n1-17-1763785000.${String(call)}`)
  expect(exemption.of('n1-17-1763785000.0').reason).toBeNull()
  expect(exemption.of('n1-17-1763785000.59').reason).toBe('wrong_number')
})
