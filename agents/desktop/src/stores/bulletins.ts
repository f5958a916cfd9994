import { defineStore } from 'pinia'
import { computed, ref, shallowRef, watch } from 'vue'

import { api, asked, changed, type Schemas } from '../api'
import { daysBack } from '../clock'
import { copied, differences, isSame, isTyped, isWhole, merged, type Typing } from '../editorial'
import { later } from '../later'
import { useSession } from './session'
import { monthBefore } from './submissions'

export type Bulletin = Schemas['BulletinRow']
export type Run = Schemas['BulletinRun']
export type Shown = Schemas['BulletinShown']
export type Form = Schemas['BulletinForm']

const LOOK_MS = 700
const KEEP_MS = 300
const KEPT = 'bulletin-texts'
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
  /** Every text that was opened, as it is typed; it stays while others, or other pages, are looked at. */
  const texts = ref(keptHere())
  const problem = shallowRef<unknown>(null)
  const isBusy = ref(false)
  const isSaved = ref(false)
  /** Whether the list was read once: before that nobody knows that it is empty. */
  const isLooked = ref(false)
  let looking: ReturnType<typeof setTimeout> | undefined
  let isWatched = false
  let openings = 0
  /** Why the run could not be asked for last. */
  let away: unknown = null

  const isUnderWay = computed(() => run.value !== null && isGoingOn(run.value))
  const text = computed(() => (shown.value ? texts.value.get(keyOf(shown.value.bulletin.bulletin_id)) : undefined))
  const typed = computed({
    get: () => text.value?.typed ?? null,
    set: (next) => { if (text.value && next) text.value.typed = next },
  })
  const isDirty = computed(() => text.value !== undefined && isTyped(text.value))
  /** Somebody else has saved while this was typed. */
  const isOvertaken = computed(() => isDirty.value && text.value?.version !== shown.value?.version)
  /** Whether what is typed has no form any more: somebody else has sent the issue on. */
  const isStranded = computed(() => isDirty.value && shown.value?.bulletin.state !== 'draft')
  /** What was saved beside what was typed, where they are not the same. */
  const apart = computed(() => (shown.value && text.value ? differences(shown.value.editorial, text.value.typed) : []))
  const isAnyUnsaved = computed(() => [...texts.value.values()].some(isTyped))

  // A window that is closed takes what is typed along, whatever page it shows.
  watch(isAnyUnsaved, (is) => {
    if (is) window.addEventListener('beforeunload', hold)
    else window.removeEventListener('beforeunload', hold)
  }, { flush: 'sync', immediate: true })

  // And one that is lost, with its browser or by its reloading, finds it again.
  const keepHere = later(KEEP_MS, () => {
    const unsaved = [...texts.value].filter(([, one]) => isTyped(one))
    sessionStorage.setItem(KEPT, JSON.stringify(unsaved))
  })
  watch(texts, keepHere, { deep: true, flush: 'sync' })

  /** Who types is part of it: another who signs in here has his own. */
  function keyOf(bulletin_id: number): string {
    return `${session.person?.person ?? ''} ${bulletin_id}`
  }

  function isUnsaved(bulletin_id: number): boolean {
    const one = texts.value.get(keyOf(bulletin_id))
    return one !== undefined && isTyped(one)
  }

  async function look(): Promise<void> {
    isWatched = true
    await attempt(relook)
  }

  async function relook(): Promise<void> {
    const found = await asked(api.GET('/api/v1/bulletins'))
    schemes.value = found.schemes
    bulletins.value = found.bulletins
    isLooked.value = true
    wanted.value.scheme ||= found.schemes.at(-1) ?? ''
    const told = runToTell(found.runs)
    if (told && (isGoingOn(told) || run.value === null)) follow(told)
  }

  /** Show how far a run is until it has ended, then what came of it. */
  function follow(one: Run): void {
    run.value = one
    clearTimeout(looking)
    if (isWatched && isGoingOn(one)) looking = setTimeout(() => { void lookAfter(one.run_id) }, LOOK_MS)
  }

  async function lookAfter(run_id: number): Promise<void> {
    try {
      const now = await asked(api.GET('/api/v1/bulletins/runs/{run_id}', { params: { path: { run_id } } }))
      if (!isWatched) return
      follow(now)
      if (problem.value === away) problem.value = null
      if (isGoingOn(now)) return
      await relook()
      if (now.state === 'done' && now.bulletin_id !== null) await showMade(now.bulletin_id, now.asked_by)
    } catch (error) {
      problem.value = away = error
      // The server may be away for a moment; the run's state is kept.
      if (run.value) follow(run.value)
    }
  }

  /** Show what a run has made, unless somebody looks at another issue that he has not made. */
  async function showMade(bulletin_id: number, by: string): Promise<void> {
    const open = shown.value?.bulletin.bulletin_id
    if (open === undefined || open === bulletin_id || (by === session.person?.person && !isDirty.value)) await reopen(bulletin_id)
  }

  /** The page is left: nothing is asked any more, and what is typed is saved. */
  async function leave(): Promise<void> {
    isWatched = false
    clearTimeout(looking)
    await keepTyped()
  }

  async function begin(): Promise<void> {
    const { scheme, first, last, outbound } = wanted.value
    const body = { scheme, first, last: last || first, outbound }
    await attempt(async () => {
      await keepTyped()
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

  /** Show an issue; what is typed in another is saved first, or stays as it is. */
  async function open(bulletin_id: number): Promise<void> {
    await attempt(async () => {
      if (shown.value?.bulletin.bulletin_id !== bulletin_id) await keepTyped()
      await reopen(bulletin_id)
    })
  }

  async function reopen(bulletin_id: number): Promise<void> {
    openings += 1
    const turn = openings
    const found = await asked(api.GET('/api/v1/bulletins/{bulletin_id}', { params: { path: { bulletin_id } } }))
    if (turn !== openings) return
    shown.value = found
    isSaved.value = false
    const held = texts.value.get(keyOf(bulletin_id))
    // Whatever has happened meanwhile, what was typed is not thrown away.
    if (held && isTyped(held) && !isSame(held.typed, found.editorial)) return
    takeSaved(found)
  }

  function takeSaved(found: Shown, as = found.editorial): void {
    texts.value.set(keyOf(found.bulletin.bulletin_id), { version: found.version, saved: found.editorial, typed: copied(as) })
  }

  /** Take what another has saved; what was typed here is given up. */
  function takeNewest(): void {
    if (shown.value) takeSaved(shown.value)
    problem.value = null
  }

  /** Go on from what another has saved, with what was typed here in it. */
  function takeBoth(): void {
    if (shown.value && text.value) takeSaved(shown.value, merged(text.value.saved, shown.value.editorial, text.value.typed))
    problem.value = null
  }

  /** Save what is typed, if it can be saved now; otherwise it stays until somebody looks at it. */
  async function keepTyped(): Promise<void> {
    const canSave = typed.value !== null && isWhole(typed.value) && !isOvertaken.value && !isStranded.value
    if (isDirty.value && canSave) await store().catch(() => undefined)
  }

  async function save(): Promise<void> {
    await attempt(async () => {
      await store()
      await relook()
      isSaved.value = true
    })
  }

  async function store(): Promise<void> {
    const [one, number] = [text.value, shown.value?.bulletin.bulletin_id]
    if (!one || number === undefined) return
    isSaved.value = false
    const sent = copied(one.typed)
    const body = { version: one.version, editorial: sent }
    try {
      const { version } = await changed(({ header }) => api.PUT('/api/v1/bulletins/{bulletin_id}/text', { params: { header, path: { bulletin_id: number } }, body }))
      // What was typed while it was sent is not saved yet.
      Object.assign(one, { version, saved: sent })
    } finally {
      await reopen(number)
    }
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

  /** Make the files of an issue from before files were kept. */
  async function draw(): Promise<void> {
    await decide(async (path) => {
      follow(await changed(({ header }) => api.POST('/api/v1/bulletins/{bulletin_id}/files', { params: { header, path } })))
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
    schemes, bulletins, wanted, run, shown, typed, problem, isBusy, isSaved, isLooked, isUnderWay, isDirty, isOvertaken, isStranded, apart,
    mayPublish, look, leave, begin, compileAgain, cancel, open, isUnsaved, takeNewest, takeBoth, save, sendToReview, sendBack, publish, draw,
  }
})

/** What was typed in this window before it was loaded anew. */
function keptHere(): Map<string, Typing> {
  try {
    return new Map(JSON.parse(sessionStorage.getItem(KEPT) ?? '[]') as [string, Typing][])
  } catch {
    return new Map()
  }
}

function hold(event: BeforeUnloadEvent): void {
  event.preventDefault()
}

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

/** Where an issue is taken out from. */
export function fileOf(bulletin: Bulletin, form: Form): string {
  return `/api/v1/bulletins/${bulletin.bulletin_id}/files/${form}`
}

/** Where an issue is looked at; another page, another address, or the frame would keep the old one. */
export function pageOf(shown: Shown): string {
  return `/api/v1/bulletins/${shown.bulletin.bulletin_id}/preview?${new URLSearchParams({ of: shown.page }).toString()}`
}

/** Whether a scheme is one that we ship and can name in every language. */
export function isShippedScheme(scheme: string): scheme is 'national-2016' | 'jiangsu-2014' {
  return scheme === 'national-2016' || scheme === 'jiangsu-2014'
}
