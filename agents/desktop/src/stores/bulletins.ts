import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'

import { api, asked, changed, Refusal, type Schemas } from '../api'
import { daysBack } from '../clock'
import { useSession } from './session'
import { monthBefore } from './submissions'

export type Bulletin = Schemas['BulletinRow']
export type Run = Schemas['BulletinRun']
export type Shown = Schemas['BulletinShown']
export type Editorial = Schemas['Editorial']
export type Form = Schemas['BulletinForm']

const LOOK_MS = 700
/** What people take out first comes first. */
export const FORMS: readonly Form[] = ['docx', 'pdf', 'xlsx', 'html', 'json']

/** The 工作简报: compiled step by step, written, reviewed, published. */
export const useBulletins = defineStore('bulletins', () => {
  const session = useSession()
  const schemes = shallowRef<string[]>([])
  const bulletins = shallowRef<Bulletin[]>([])
  const wanted = ref(firstWanted())
  /** What is compiled or published, or was last. */
  const run = shallowRef<Run | null>(null)
  const shown = shallowRef<Shown | null>(null)
  /** The written part as it is typed; it stays while other pages are looked at. */
  const typed = ref<Editorial | null>(null)
  const problem = shallowRef<unknown>(null)
  const isBusy = ref(false)
  const isSaved = ref(false)
  let looking: ReturnType<typeof setTimeout> | undefined

  const isUnderWay = computed(() => run.value !== null && isGoingOn(run.value))
  const isDirty = computed(() => shown.value !== null && typed.value !== null && JSON.stringify(typed.value) !== JSON.stringify(shown.value.editorial))
  /** Somebody else has saved while this was typed. */
  const isOvertaken = computed(() => problem.value instanceof Refusal && problem.value.code === 'written_by_another')

  async function look(): Promise<void> {
    await attempt(relook)
  }

  async function relook(): Promise<void> {
    const found = await asked(api.GET('/api/v1/bulletins'))
    schemes.value = found.schemes
    bulletins.value = found.bulletins
    wanted.value.scheme ||= found.schemes.at(-1) ?? ''
    const told = runToTell(found.runs)
    if (told && (isGoingOn(told) || run.value === null)) follow(told)
  }

  /** Show how far a run is until it has ended, then what came of it. */
  function follow(one: Run): void {
    run.value = one
    clearTimeout(looking)
    if (isGoingOn(one)) looking = setTimeout(() => { void lookAfter(one.run_id) }, LOOK_MS)
  }

  async function lookAfter(run_id: number): Promise<void> {
    try {
      const now = await asked(api.GET('/api/v1/bulletins/runs/{run_id}', { params: { path: { run_id } } }))
      follow(now)
      if (isGoingOn(now)) return
      await relook()
      if (now.state === 'done' && now.bulletin_id !== null) await reopen(now.bulletin_id)
    } catch (error) {
      problem.value = error
      // The server may be away for a moment; the run's state is kept.
      if (run.value) follow(run.value)
    }
  }

  function stop(): void {
    clearTimeout(looking)
  }

  async function begin(): Promise<void> {
    const { scheme, first, last, outbound } = wanted.value
    const body = { scheme, first, last: last || first, outbound }
    await attempt(async () => {
      follow(await changed(({ header }) => api.POST('/api/v1/bulletins', { params: { header }, body })))
    })
  }

  /** Compile what is shown anew, with the text that was saved last. */
  async function compileAgain(): Promise<void> {
    const one = shown.value
    if (!one) return
    const { scheme, first, last } = one.bulletin
    wanted.value = { scheme, first, last, outbound: one.outbound }
    await begin()
  }

  async function cancel(): Promise<void> {
    const one = run.value
    if (!one) return
    await attempt(async () => {
      const path = { run_id: one.run_id }
      await changed(({ header }) => api.DELETE('/api/v1/bulletins/runs/{run_id}', { params: { header, path } }))
      follow({ ...one, state: 'cancelled' })
    })
  }

  async function open(bulletin_id: number): Promise<void> {
    await attempt(() => reopen(bulletin_id))
  }

  async function reopen(bulletin_id: number): Promise<void> {
    const before = isDirty.value && shown.value?.bulletin.bulletin_id === bulletin_id ? typed.value : null
    const found = await asked(api.GET('/api/v1/bulletins/{bulletin_id}', { params: { path: { bulletin_id } } }))
    const isSame = shown.value?.version === found.version
    shown.value = found
    isSaved.value = false
    // What is being typed is not thrown away because a compilation has ended.
    typed.value = before && isSame ? before : structuredClone(found.editorial)
  }

  /** Take what another has saved; what was typed here is given up. */
  async function takeNewest(): Promise<void> {
    const number = shown.value?.bulletin.bulletin_id
    typed.value = null
    if (number !== undefined) await open(number)
  }

  async function save(): Promise<void> {
    if (!shown.value || !typed.value) return
    const path = { bulletin_id: shown.value.bulletin.bulletin_id }
    const body = { version: shown.value.version, editorial: typed.value }
    isSaved.value = false
    await attempt(async () => {
      await changed(({ header }) => api.PUT('/api/v1/bulletins/{bulletin_id}/text', { params: { header, path }, body }))
      typed.value = null
      await reopen(path.bulletin_id)
      await relook()
      isSaved.value = true
    })
  }

  async function sendToReview(): Promise<void> {
    await decide((path) => changed(({ header }) => api.POST('/api/v1/bulletins/{bulletin_id}/review', { params: { header, path } })))
  }

  async function sendBack(reason: string): Promise<void> {
    await decide((path) => changed(({ header }) => api.POST('/api/v1/bulletins/{bulletin_id}/return', { params: { header, path }, body: { reason } })))
  }

  async function publish(): Promise<void> {
    await decide(async (path) => {
      follow(await changed(({ header }) => api.POST('/api/v1/bulletins/{bulletin_id}/publish', { params: { header, path } })))
    })
  }

  /** Do what was decided, and show the issue as it stands after it, also when it was refused. */
  async function decide(act: (path: { bulletin_id: number }) => Promise<unknown>): Promise<void> {
    const number = shown.value?.bulletin.bulletin_id
    if (number === undefined) return
    await attempt(async () => {
      try {
        await act({ bulletin_id: number })
      } finally {
        await reopen(number)
        await relook()
      }
    })
  }

  async function attempt(act: () => Promise<void>): Promise<void> {
    isBusy.value = true
    problem.value = null
    try {
      await act()
    } catch (error) {
      problem.value = error
    } finally {
      isBusy.value = false
    }
  }

  const mayPublish = computed(() => session.may.has('bulletins.publish') && shown.value?.bulletin.changed_by !== session.person?.person)

  return {
    schemes, bulletins, wanted, run, shown, typed, problem, isBusy, isSaved, isUnderWay, isDirty, isOvertaken, mayPublish,
    look, stop, begin, compileAgain, cancel, open, takeNewest, save, sendToReview, sendBack, publish,
  }
})

function firstWanted(): { scheme: string; first: string; last: string; outbound: boolean } {
  return { scheme: '', first: monthBefore(daysBack(0)), last: '', outbound: false }
}

export function isGoingOn(run: Run): boolean {
  return run.state === 'waiting' || run.state === 'running'
}

/** The run that whoever comes in is told of: the one under way, or the last when it came to nothing. */
export function runToTell(runs: readonly Run[]): Run | undefined {
  const [last] = runs
  return runs.find(isGoingOn) ?? (last?.state === 'done' ? undefined : last)
}

/** How far a run is, in percent: the step that is being done does not count yet. */
export function percentOf(run: Run): number {
  if (run.state === 'done') return 100
  return run.steps === 0 ? 0 : Math.floor((Math.max(0, run.step - 1) * 100) / run.steps)
}

/** Whether the text can be saved: every article says something, and the head is whole. */
export function isWhole(editorial: Editorial): boolean {
  const articles = editorial.column.flatMap((column) => column.article)
  const numbers = [editorial.issue, editorial.total_issue]
  return (
    editorial.title.trim() !== '' &&
    editorial.publishers.length > 0 &&
    /^\d{4}-\d{2}-\d{2}$/.test(editorial.dated) &&
    numbers.every((one) => Number.isInteger(one) && one >= 1) &&
    articles.every((one) => one.text.trim() !== '' || one.statement.length > 0)
  )
}

/** Move one of a list by a place; at the edge nothing moves. */
export function moved<T>(list: readonly T[], at: number, by: -1 | 1): T[] {
  const one = list[at]
  const other = list[at + by]
  if (one === undefined || other === undefined) return [...list]
  const next = [...list]
  next[at] = other
  next[at + by] = one
  return next
}

/** Lines of a text field, as a list without empty ones. */
export function linesOf(text: string): string[] {
  return text.split('\n').map((line) => line.trim()).filter((line) => line !== '')
}

/** Where an issue is taken out from. */
export function fileOf(bulletin: Bulletin, form: Form): string {
  return `/api/v1/bulletins/${bulletin.bulletin_id}/files/${form}`
}

/** Where an issue is looked at; another document, another address, or the frame would keep the old one. */
export function pageOf(bulletin: Bulletin, version: number): string {
  const query = new URLSearchParams({ of: `${bulletin.state} ${version} ${bulletin.watermark}` })
  return `/api/v1/bulletins/${bulletin.bulletin_id}/preview?${query.toString()}`
}

/** Whether a scheme is one that we ship and can name in every language. */
export function isShippedScheme(scheme: string): scheme is 'national-2016' | 'jiangsu-2014' {
  return scheme === 'national-2016' || scheme === 'jiangsu-2014'
}
