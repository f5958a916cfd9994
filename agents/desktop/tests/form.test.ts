import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, expect, it, vi } from 'vitest'

const CALL = 'n1-17-1763785000.42'

interface Filing { key: string | null; note: string }

const filings: Filing[] = []
/** What the server says of the call, each time it is asked; the last for ever. */
let cards: object[] = []
/** How often the classifier has no time yet. */
let busy = 0
let answer: () => Response = () => new Response(null, { status: 500 })

vi.stubGlobal('fetch', async (request: Request): Promise<Response> => {
  const path = new URL(request.url).pathname
  if (request.method === 'POST' && path.endsWith('/requests')) {
    const body = (await request.json()) as { requests: { note: string }[] }
    filings.push({ key: request.headers.get('Idempotency-Key'), note: body.requests[0]?.note ?? '' })
    return answer()
  }
  if (path.endsWith('/categories')) return Response.json({ categories: [{ code: 'C02', name: '', path: ['咨询'], parent: 'C', level: 1, leaf: false, selectable: true }] })
  if (path.endsWith('/suggestion')) return Response.json({ ready: busy-- <= 0, candidates: [], settled: '', reason: '', flags: [], suspicion: null, guess: 'C02', confidence: [], model: 'm' })
  if (path.endsWith(`/calls/${CALL}`) && cards.length) return Response.json(cards.length > 1 ? cards.shift() : cards[0])
  if (path.endsWith('/draft')) return Response.json({ call_id: CALL, version: 1, requests: [], saved_at: '' })
  return Response.json({ code: 'gone', message: '' }, { status: 410 })
})
const { useForm } = await import('../src/stores/form')

const lost = (): Response => { throw new TypeError('no answer') }
const kept = (): Response => Response.json({ request_ids: [1] }, { status: 201 })

async function filled(): Promise<ReturnType<typeof useForm>> {
  const form = useForm()
  await form.open(CALL)
  form.change({ code: 'C03', note: '一' })
  return form
}

/** Save, through every pause between two tries. */
async function save(form: ReturnType<typeof useForm>): Promise<boolean> {
  const saving = form.save()
  await vi.runAllTimersAsync()
  return saving
}

beforeEach(() => {
  vi.useFakeTimers()
  setActivePinia(createPinia())
  filings.length = 0
  cards = []
  busy = 0
})

it('a filing that nobody answered is sent again under its key, however often save is pressed', async () => {
  const form = await filled()
  answer = lost
  expect(await save(form)).toBe(false)
  answer = kept
  expect(await save(form)).toBe(true)
  expect(filings.length).toBeGreaterThan(2)
  expect(new Set(filings.map((one) => one.key)).size).toBe(1)
})

it('a filing that was refused is another one when it is mended', async () => {
  const form = await filled()
  answer = () => Response.json({ code: 'form_incomplete', message: '' }, { status: 422 })
  expect(await save(form)).toBe(false)
  answer = kept
  expect(await save(form)).toBe(true)
  expect(new Set(filings.map((one) => one.key)).size).toBe(2)
})

it('what is typed while the server is away does not change what is sent again', async () => {
  const form = await filled()
  answer = lost
  const saving = form.save()
  await vi.advanceTimersByTimeAsync(400)
  form.change({ note: '二' })
  await vi.runAllTimersAsync()
  await saving
  expect(new Set(filings.map((one) => one.note))).toEqual(new Set(['一']))
})

it('the form of a call that rang meanwhile stays open', async () => {
  const form = await filled()
  answer = lost
  const saving = form.save()
  await vi.advanceTimersByTimeAsync(400)
  answer = kept
  void form.open('n1-17-1763785000.43')
  await vi.runAllTimersAsync()
  expect(await saving).toBe(true)
  expect(form.callId).toBe('n1-17-1763785000.43')
})

it('what the menu has heard stands there as soon as the journal says it, and is not asked for again', async () => {
  const card = { call_id: CALL, queue: '', ended_at: null, presets: [] as object[] }
  cards = [card, card, { ...card, queue: 'consult', presets: [{ scheme: '12320-2016', code: 'C02', path: [] }] }]
  const form = useForm()
  const opening = form.open(CALL)
  await vi.runAllTimersAsync()
  await opening
  expect(form.card?.queue).toBe('consult')
  expect(form.current.code).toBe('C02')
  expect(form.suggested?.guess).toBe('C02')
  expect(cards.length).toBe(1)
})

it('whoever has begun to type keeps what he has typed, and gets the category beside it', async () => {
  const card = { call_id: CALL, queue: '', ended_at: null, presets: [] as object[] }
  cards = [card, { ...card, queue: 'consult', presets: [{ scheme: '12320-2016', code: 'C02', path: [] }] }]
  const form = useForm()
  const opening = form.open(CALL)
  form.change({ note: '孩子发热' })
  await vi.runAllTimersAsync()
  await opening
  expect(form.card?.queue).toBe('consult')
  expect(form.current).toMatchObject({ note: '孩子发热', code: 'C02' })
})

it.each([[2, true], [100, false]])('a classifier that has no time %d times is asked again, but not for ever', async (times, ready) => {
  cards = [{ call_id: CALL, queue: 'consult', ended_at: null, presets: [] }]
  const form = useForm()
  const opening = form.open(CALL)
  await vi.runAllTimersAsync()
  await opening
  busy = times
  form.change({ note: '孩子发热' })
  await vi.runAllTimersAsync()
  expect(form.suggested?.ready).toBe(ready)
  expect(times - busy).toBeLessThan(10)
})
