import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, expect, it, vi } from 'vitest'

import { blank } from '../src/content'

const FIRST = 'n1-17-1763785000.42'
const SECOND = 'n1-17-1763785001.43'
const POISONED = '误服农药'

/** Drafts as the server holds them, and how long it takes to answer each kind of question. */
const drafts = new Map<string, { version: number; notes: string[] }>()
let presets: object[] = []
let slowly: Record<string, number> = {}
let isAway = false
const texts: string[] = []

const after = async (milliseconds: number): Promise<void> => {
  if (milliseconds) await new Promise((resume) => setTimeout(resume, milliseconds))
}

/** The classifier: its red flag is the text itself, so that nobody can mistake one for another. */
async function suggestion(request: Request): Promise<Response> {
  const { text, menu } = (await request.json()) as { text: string; menu: string }
  texts.push(text)
  await after(slowly[text] ?? 0)
  if (isAway) throw new TypeError('away')
  const flags = text ? [{ name: 'poisoning', title: text, advice: '' }] : []
  return Response.json({ ready: true, candidates: [], settled: '', reason: menu, flags, suspicion: null, guess: '', confidence: [], model: 'm' })
}

vi.stubGlobal('fetch', async (request: Request): Promise<Response> => {
  const path = new URL(request.url).pathname
  const call = decodeURIComponent(/calls\/([^/]+)/.exec(path)?.[1] ?? '')
  if (path.endsWith('/suggestion')) return suggestion(request)
  if (path.endsWith('/categories')) return Response.json({ categories: [{ code: 'C02', name: '', path: ['咨询'], parent: 'C', level: 1, leaf: false, selectable: true }] })
  if (path.endsWith('/draft')) {
    const body = (await request.json()) as { version: number; requests: { note: string }[] }
    drafts.set(call, { version: body.version + 1, notes: body.requests.map((one) => one.note) })
    return Response.json({ call_id: call, version: body.version + 1, requests: [], saved_at: '' })
  }
  if (path.endsWith('/form')) {
    await after(slowly.form ?? 0)
    const draft = drafts.get(call)
    return Response.json({ draft: draft ? { version: draft.version, requests: draft.notes.map((note) => ({ ...blank(), note })) } : null })
  }
  return Response.json({ call_id: call, queue: 'consult', ended_at: null, presets })
})
const { useForm } = await import('../src/stores/form')

type Form = ReturnType<typeof useForm>
const flagged = (form: Form): string | undefined => form.suggested?.flags[0]?.title

async function opened(call: string): Promise<Form> {
  const form = useForm()
  const opening = form.open(call)
  await vi.runAllTimersAsync()
  await opening
  return form
}

beforeEach(() => {
  vi.useFakeTimers()
  setActivePinia(createPinia())
  drafts.clear()
  presets = []
  slowly = {}
  isAway = false
  texts.length = 0
})

it.each([0, 300, 5_000])('a draft gets its red flags again, though another question is under way when it comes (%d ms)', async (wait) => {
  presets = [{ scheme: '12320-2016', code: 'C02', path: [] }]
  drafts.set(FIRST, { version: 1, notes: [POISONED] })
  slowly = { form: 50, '': wait }
  const form = await opened(FIRST)
  expect(flagged(form)).toBe(POISONED)
  expect(form.suggested?.reason).toBe('C02')
})

it('a call that is opened while another is asked about gets its own flags, and keeps them', async () => {
  drafts.set(FIRST, { version: 1, notes: [POISONED] })
  drafts.set(SECOND, { version: 1, notes: ['孩子发热抽搐'] })
  slowly = { [POISONED]: 3_000 }
  const form = useForm()
  void form.open(FIRST)
  await vi.advanceTimersByTimeAsync(500)
  expect(texts).toContain(POISONED)
  void form.open(SECOND)
  await vi.runAllTimersAsync()
  expect(flagged(form)).toBe('孩子发热抽搐')
})

it('each of several requests is shown with its own flags, also when the one before it is removed', async () => {
  drafts.set(FIRST, { version: 1, notes: [POISONED, '胸痛一小时'] })
  const form = await opened(FIRST)
  slowly = { '胸痛一小时': 1_000 }
  form.select(1)
  expect(flagged(form)).toBeUndefined()
  await vi.runAllTimersAsync()
  expect(flagged(form)).toBe('胸痛一小时')
  form.select(0)
  await vi.runAllTimersAsync()
  form.remove(0)
  expect(flagged(form)).toBeUndefined()
  await vi.runAllTimersAsync()
  expect(flagged(form)).toBe('胸痛一小时')
})

it('what is chosen while the classifier thinks costs no flag', async () => {
  const form = await opened(FIRST)
  slowly = { [POISONED]: 2_000 }
  form.change({ note: POISONED })
  await vi.advanceTimersByTimeAsync(1_000)
  form.change({ settlement: 'open' })
  await vi.runAllTimersAsync()
  expect(flagged(form)).toBe(POISONED)
})

it('every text has its own tries', async () => {
  const form = await opened(FIRST)
  isAway = true
  form.change({ note: POISONED })
  await vi.runAllTimersAsync()
  form.change({ note: '孩子发热' })
  await vi.runAllTimersAsync()
  const tries = (text: string): number => texts.filter((one) => one === text).length
  expect(tries(POISONED)).toBeGreaterThan(2)
  expect(tries('孩子发热')).toBe(tries(POISONED))
  isAway = false
  form.change({ note: '孩子发热抽搐' })
  await vi.runAllTimersAsync()
  expect(flagged(form)).toBe('孩子发热抽搐')
})

it('a request is the same one however many before it are removed, and after another call was looked at', async () => {
  const form = await opened(FIRST)
  form.change({ note: POISONED })
  const first = form.currentId
  form.add()
  const second = form.currentId
  expect(second).not.toBe(first)
  form.select(0)
  form.remove(0)
  expect(form.currentId).toBe(second)
  form.change({ note: '胸痛一小时' })
  await vi.runAllTimersAsync()
  await opened(SECOND)
  expect(form.currentId).not.toBe(second)
  await opened(FIRST)
  expect(form.current.note).toBe('胸痛一小时')
  expect(form.currentId).toBe(second)
})
