import { beforeEach, expect, it, vi } from 'vitest'

import { blank, type Content } from '../src/content'

const FIRST = 'n1-17-1763785000.42'
const SECOND = 'n1-17-1763785001.43'

/** Drafts as a server keeps them; an answer may be lost after it is kept. */
const kept = new Map<string, { version: number; note: string }>()
let isAway = false
let losesNext = false

vi.stubGlobal('fetch', async (request: Request): Promise<Response> => {
  const call = decodeURIComponent(/calls\/([^/]+)\//.exec(request.url)?.[1] ?? '')
  if (isAway) throw new TypeError('away')
  const now = kept.get(call)
  if (request.method === 'GET') return Response.json({ call_id: call, requests: [], draft: now ? { ...now, requests: [] } : null })
  const body = (await request.json()) as { version: number; requests: { note: string }[] }
  if (body.version !== (now?.version ?? 0)) return Response.json({ code: 'draft_moved', message: '' }, { status: 409 })
  kept.set(call, { version: body.version + 1, note: body.requests[0]?.note ?? '' })
  if (losesNext) {
    losesNext = false
    throw new TypeError('lost')
  }
  return Response.json({ call_id: call, version: body.version + 1, requests: [], saved_at: '' })
})
const { Drafts } = await import('../src/drafts')

const typed = (note: string): Content[] => [{ ...blank(), note }]

beforeEach(() => {
  vi.useFakeTimers()
  kept.clear()
  isAway = losesNext = false
})

it('what was typed for a call is kept for that call, though another was opened at once', async () => {
  const drafts = new Drafts(() => undefined)
  drafts.keep(FIRST, typed('一'))
  drafts.keep(SECOND, typed('二'))
  drafts.keep(FIRST, typed('三'))
  await vi.runAllTimersAsync()
  expect(kept.get(FIRST)?.note).toBe('三')
  expect(kept.get(SECOND)?.note).toBe('二')
})

it('an answer that was lost costs nothing of what is typed after it', async () => {
  const fates: string[] = []
  const drafts = new Drafts((_, fate) => { fates.push(fate) })
  losesNext = true
  drafts.keep(FIRST, typed('一'))
  await vi.advanceTimersByTimeAsync(10)
  drafts.keep(FIRST, typed('一二'))
  await vi.runAllTimersAsync()
  expect(kept.get(FIRST)?.note).toBe('一二')
  expect(fates.at(-1)).toBe('kept')
})

it('while the server is away a draft waits, also that of a call that is no longer looked at', async () => {
  const drafts = new Drafts(() => undefined)
  isAway = true
  drafts.keep(FIRST, typed('一'))
  await vi.advanceTimersByTimeAsync(30_000)
  expect(kept.size).toBe(0)
  isAway = false
  await vi.advanceTimersByTimeAsync(5_000)
  expect(kept.get(FIRST)?.note).toBe('一')
})

it('a form that is filed leaves no draft behind', async () => {
  const drafts = new Drafts(() => undefined)
  isAway = true
  drafts.keep(FIRST, typed('一'))
  await vi.advanceTimersByTimeAsync(10)
  await drafts.drop(FIRST)
  drafts.forget(FIRST)
  isAway = false
  await vi.advanceTimersByTimeAsync(30_000)
  expect(kept.size).toBe(0)
})
