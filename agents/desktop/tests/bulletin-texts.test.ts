import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

import type { Editorial } from '../src/editorial'
import type { Bulletin, Run, Shown } from '../src/stores/bulletins'

const MINE = '各成员单位'
const RUN: Run = {
  run_id: 7, act: 'compile', scheme: 'national-2016', first: '2016-09', last: '2016-09', state: 'running', step: 1, steps: 7,
  doing: 'counts', why: '', asked_by: 's1', asked_at: '', ended_at: null, bulletin_id: null, missing: [], partial: [],
}

/** What the server holds: each issue's version, text and state, and the run. */
let issues: Map<number, { version: number; editorial: Editorial; state: Bulletin['state'] }>
let run: Run
let asked: string[]

function editorial(over: Partial<Editorial> = {}): Editorial {
  return {
    title: '12320工作简报', issue: 113, total_issue: 113, dated: '2016-11-10', publishers: ['甲'], copies: 0, reported_to: '', sent_to: '',
    contact: [], column: [{ name: '', statistics: true, article: [] }], ...over,
  }
}

function row(id: number): Bulletin {
  return {
    bulletin_id: id, scheme: 'national-2016', first: '2016-10', last: '2016-10', edition: 1, issue: 113, state: issues.get(id)?.state ?? 'draft',
    watermark: '草稿 1', compiled: true, changed_by: 's2', changed_at: '', published_at: null, return_reason: '',
  }
}

/** Somebody else saves. */
function overtake(id: number, over: Partial<Editorial>): void {
  const one = issues.get(id)
  if (one) issues.set(id, { ...one, version: one.version + 1, editorial: { ...one.editorial, ...over } })
}

async function served(request: Request): Promise<Response> {
  const path = new URL(request.url).pathname
  asked.push(`${request.method} ${path}`)
  if (path.endsWith('/session')) return Response.json({ person: 's1', permissions: [] })
  if (path.includes('/runs/')) return Response.json(run)
  if (path.endsWith('/bulletins')) return Response.json({ schemes: ['national-2016'], bulletins: [...issues.keys()].map(row), runs: [run] })
  const id = Number(path.split('/')[4])
  const one = issues.get(id)
  if (!one) return Response.json({ code: 'not_found', message: '' }, { status: 404 })
  if (request.method === 'PUT') {
    const sent = await request.json() as { version: number; editorial: Editorial }
    if (sent.version !== one.version) return Response.json({ code: 'written_by_another', message: 's2 已于' }, { status: 409 })
    if (one.state !== 'draft') return Response.json({ code: 'wrong_state', message: '状态' }, { status: 409 })
    issues.set(id, { ...one, version: one.version + 1, editorial: sent.editorial })
    return Response.json({ version: one.version + 1 })
  }
  return Response.json({ bulletin: row(id), version: one.version, outbound: false, editorial: one.editorial, forms: [], counts_changed: false } satisfies Partial<Shown>)
}

vi.stubGlobal('fetch', served)
const { useBulletins } = await import('../src/stores/bulletins')
const { useSession } = await import('../src/stores/session')

async function typing(text = MINE): Promise<ReturnType<typeof useBulletins>> {
  const bulletins = useBulletins()
  await useSession().ask()
  await bulletins.open(1)
  if (bulletins.typed) bulletins.typed.sent_to = text
  return bulletins
}

beforeEach(() => {
  vi.useFakeTimers()
  setActivePinia(createPinia())
  issues = new Map([1, 2].map((id) => [id, { version: 1, editorial: editorial(), state: 'draft' }]))
  run = RUN
  asked = []
  sessionStorage.clear()
})
afterEach(() => { vi.useRealTimers() })

it('stays when a run of another issue ends, whoever asked for it', async () => {
  const bulletins = await typing()
  await bulletins.look()
  run = { ...RUN, state: 'done', bulletin_id: 2 }
  await vi.advanceTimersByTimeAsync(5_000)
  expect(bulletins.run?.state).toBe('done')
  expect(bulletins.shown?.bulletin.bulletin_id).toBe(1)
  expect(bulletins.typed?.sent_to).toBe(MINE)
})

it('is not switched away from while it is read only, when a colleague has compiled another', async () => {
  const bulletins = useBulletins()
  await useSession().ask()
  await bulletins.open(1)
  await bulletins.look()
  run = { ...RUN, asked_by: 's2', state: 'done', bulletin_id: 2 }
  await vi.advanceTimersByTimeAsync(5_000)
  expect(bulletins.shown?.bulletin.bulletin_id).toBe(1)
})

it('is saved before another issue is opened', async () => {
  const bulletins = await typing()
  await bulletins.open(2)
  expect(issues.get(1)?.editorial.sent_to).toBe(MINE)
  await bulletins.open(1)
  expect(bulletins.typed?.sent_to).toBe(MINE)
  expect(bulletins.isDirty).toBe(false)
})

it('is saved when the page is left', async () => {
  const bulletins = await typing()
  await bulletins.leave()
  expect(issues.get(1)?.editorial.sent_to).toBe(MINE)
})

it('is saved before it is compiled', async () => {
  const bulletins = await typing()
  await bulletins.begin()
  expect(asked.indexOf('PUT /api/v1/bulletins/1/text')).toBeGreaterThan(-1)
  expect(asked.indexOf('PUT /api/v1/bulletins/1/text')).toBeLessThan(asked.indexOf('POST /api/v1/bulletins'))
})

it('stays aside when it cannot be saved yet, and is marked', async () => {
  const bulletins = await typing()
  if (bulletins.typed) bulletins.typed.title = ''
  await bulletins.open(2)
  expect(issues.get(1)?.version).toBe(1)
  expect([bulletins.isUnsaved(1), bulletins.isUnsaved(2)]).toEqual([true, false])
  await bulletins.open(1)
  expect(bulletins.typed).toMatchObject({ title: '', sent_to: MINE })
})

it('stays when another has saved, is shown beside his, and both are put together', async () => {
  const bulletins = await typing()
  overtake(1, { sent_to: '他写的', copies: 300 })
  await bulletins.save()
  expect(bulletins.problem).toMatchObject({ code: 'written_by_another' })
  expect(bulletins.isOvertaken).toBe(true)
  expect(bulletins.apart).toEqual([
    { place: { field: 'copies' }, saved: '300', typed: '0' },
    { place: { field: 'sent_to' }, saved: '他写的', typed: MINE },
  ])
  bulletins.takeBoth()
  expect(bulletins.isOvertaken).toBe(false)
  await bulletins.save()
  expect(issues.get(1)).toMatchObject({ version: 3, editorial: { copies: 300, sent_to: MINE } })
})

it('stays when the issue is opened again after another has saved, and is given up by one press', async () => {
  const bulletins = await typing()
  overtake(1, { sent_to: '他写的' })
  await bulletins.open(1)
  expect(bulletins.typed?.sent_to).toBe(MINE)
  expect(bulletins.isOvertaken).toBe(true)
  bulletins.takeNewest()
  expect(bulletins.typed?.sent_to).toBe('他写的')
  expect(bulletins.isDirty).toBe(false)
})

it('stays when another has sent the issue to review', async () => {
  const bulletins = await typing()
  issues.set(1, { version: 1, editorial: editorial(), state: 'review' })
  await bulletins.save()
  expect(bulletins.isStranded).toBe(true)
  expect(bulletins.typed?.sent_to).toBe(MINE)
})

it('stays as far as it was typed while it was being saved', async () => {
  const bulletins = await typing()
  const saving = bulletins.save()
  await Promise.resolve()
  if (bulletins.typed) bulletins.typed.reported_to = '后写的'
  await saving
  expect(issues.get(1)?.editorial).toMatchObject({ sent_to: MINE, reported_to: '' })
  expect(bulletins.typed).toMatchObject({ sent_to: MINE, reported_to: '后写的' })
  expect(bulletins.isOvertaken).toBe(false)
  await bulletins.save()
  expect(issues.get(1)?.editorial.reported_to).toBe('后写的')
})

it('holds the window open until it is saved, also from another page', async () => {
  const bulletins = await typing()
  const closes = (): boolean => window.dispatchEvent(new Event('beforeunload', { cancelable: true }))
  expect(closes()).toBe(false)
  await bulletins.save()
  expect(closes()).toBe(true)
})

it('is found again when the window was loaded anew, by whoever typed it, until it is saved', async () => {
  await typing()
  await vi.advanceTimersByTimeAsync(1_000)
  setActivePinia(createPinia())
  const anew = useBulletins()
  await useSession().ask()
  await anew.open(1)
  expect(anew.typed?.sent_to).toBe(MINE)
  await anew.save()
  await vi.advanceTimersByTimeAsync(1_000)
  expect(sessionStorage.getItem('bulletin-texts')).toBe('[]')
})

it('stands in nobody else’s form who signs in at the same window', async () => {
  await typing()
  await vi.advanceTimersByTimeAsync(1_000)
  setActivePinia(createPinia())
  const other = useBulletins()
  useSession().person = { person: 's2', permissions: [] } as never
  await other.open(1)
  expect(other.typed?.sent_to).toBe('')
  expect(other.isUnsaved(1)).toBe(false)
})

it('is of no harm when what the window has kept is no text', async () => {
  sessionStorage.setItem('bulletin-texts', '{broken')
  const bulletins = await typing()
  expect(bulletins.typed?.sent_to).toBe(MINE)
})

it('is not asked for any more once the page was left while the server answered', async () => {
  const bulletins = useBulletins()
  const looking = bulletins.look()
  await bulletins.leave()
  await looking
  asked = []
  await vi.advanceTimersByTimeAsync(10_000)
  expect(asked).toEqual([])

  await bulletins.look()
  run = { ...RUN, state: 'done', bulletin_id: 2 }
  vi.advanceTimersByTime(710)
  await bulletins.leave()
  await vi.advanceTimersByTimeAsync(10_000)
  expect(asked).toEqual(['GET /api/v1/bulletins', 'GET /api/v1/bulletins/runs/7'])
})
