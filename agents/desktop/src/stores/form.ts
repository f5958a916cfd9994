import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'

import { api, asked, changed, isUnanswered, Refusal, type Schemas } from '../api'
import { blank, isComplete, type Content } from '../content'
import { Drafts } from '../drafts'
import { later } from '../later'
import { useCategories } from './categories'

export type Suggested = Schemas['Suggested']
export type Card = Schemas['Card']
/** What the classifier is asked, and about which request. */
interface Question {
  request: number
  text: string
  menu: string
  queue: string
}
type SaveState = 'clean' | 'typing' | 'kept' | 'failed'

const DRAFT_MS = 700
const SUGGEST_MS = 500
const SHORTEST_NOTE = 2
/** The classifier had no time, or is not loaded yet: what it says may be a warning. */
const AGAIN_MS = 2_000
const MOST_AGAIN = 5
/** What the menu has heard reaches the record a moment after the ring; a colleague's call has no queue. */
const CARD_MS = [50, 50, 100, 200, 400, 1_000, 2_000] as const

/** The form of one call: what was typed is kept on every pause, and filed once. */
export const useForm = defineStore('form', () => {
  const categories = useCategories()
  const callId = ref('')
  const card = shallowRef<Card | null>(null)
  const requests = ref<Content[]>([])
  /** One for each request, in their order; an index is another's as soon as one is removed. */
  const ids = ref<number[]>([])
  const at = ref(0)
  const suggested = shallowRef<Suggested | null>(null)
  const state = ref<SaveState>('clean')
  const isSaving = ref(false)
  const problem = shallowRef<unknown>(null)
  const filed = ref(0)
  /** What was asked last: an answer to anything else comes too late. */
  let question: Question | null = null
  let lastId = 0
  /** The ids of requests that were left as drafts, to be known again. */
  const left = new Map<string, number[]>()
  /** A filing that nobody answered: it may be committed, so it is sent again under its key. */
  let unanswered: { id: string; key: string } | null = null

  const current = computed(() => requests.value[at.value] ?? blank())
  const currentId = computed(() => ids.value[at.value] ?? 0)
  /** Filed before the server was lost, and changed since: what came after is not filed. */
  const wasFiled = computed(() => problem.value instanceof Refusal && problem.value.code === 'key_reused')
  const canSave = computed(() => callId.value !== '' && !isSaving.value && requests.value.every(isComplete))

  const drafts = new Drafts((id, fate) => {
    if (callId.value !== id || keepSoon.isWaiting()) return
    state.value = fate === 'kept' ? 'kept' : 'failed'
  })
  const keepSoon = later(DRAFT_MS, () => { if (callId.value) drafts.keep(callId.value, copied(requests.value)) })
  const suggestSoon = later(SUGGEST_MS, () => { void suggest() })
  const suggestAgain = later(AGAIN_MS, () => { if (question) void askFor(question) })
  let again = 0
  show([blank()])

  /** Show a call's form; what was typed for another stays as its draft. */
  async function open(id: string): Promise<void> {
    if (id === callId.value) return
    keepSoon.now()
    reset(id)
    await Promise.all([loadCard(id), loadDraft(id), categories.begin().then(prefill).catch(() => undefined)])
    if (callId.value !== id) return
    prefill()
    // The draft and what the menu has heard came in any order: once more when it is not the same.
    if (!isSame(asks(), question)) void suggest()
  }

  function reset(id: string): void {
    if (callId.value && state.value !== 'clean') left.set(callId.value, ids.value)
    callId.value = id
    card.value = null
    show([blank()])
    state.value = 'clean'
    problem.value = null
  }

  /** Put other requests in the place of those that stand there. */
  function show(contents: Content[], known: number[] = []): void {
    requests.value = contents
    ids.value = known.length === contents.length ? known : contents.map(() => ++lastId)
    select(0)
  }

  /** Turn to a request; what was suggested for another is not meant for it. */
  function select(index: number): void {
    at.value = index
    suggested.value = null
    void suggest()
  }

  async function loadCard(id: string): Promise<void> {
    for (const pause of CARD_MS) {
      try {
        const found = await asked(api.GET('/api/v1/calls/{call_id}', { params: { path: { call_id: id } } }))
        if (callId.value !== id) return
        card.value = found
        prefill()
        if (found.queue || found.ended_at) return
      } catch (error) {
        if (!(error instanceof Refusal) || error.status !== 404) return
      }
      await new Promise((resume) => setTimeout(resume, pause))
    }
  }

  async function loadDraft(id: string): Promise<void> {
    try {
      const form = await asked(api.GET('/api/v1/calls/{call_id}/form', { params: { path: { call_id: id } } }))
      if (!form.draft) return
      const isOwn = drafts.read(id, form.draft.version)
      // Who was quicker than the answer types on; what he types is kept in its place.
      if (callId.value !== id || state.value !== 'clean') return
      if (form.draft.requests.length) show(form.draft.requests, isOwn ? left.get(id) : [])
      state.value = 'kept'
    } catch {
      // Without its draft the form is an empty one; keeping will say what is wrong.
    }
  }

  /** The menu has heard what it is about: that stands there until somebody knows better. */
  function prefill(): void {
    const preset = card.value?.presets.at(-1)
    const first = requests.value[0]
    const files = categories.byCode.get(preset?.code ?? '')?.selectable ?? false
    if (!preset || !first || !files || first.code) return
    first.code = preset.code
    void suggest()
  }

  function change(part: Partial<Content>): void {
    requests.value[at.value] = { ...current.value, ...part }
    state.value = 'typing'
    problem.value = null
    if (callId.value) keepSoon()
    if (part.note === undefined) return
    suggestAgain.drop()
    suggestSoon()
  }

  /** What there is to ask about the request that is shown; null: nothing yet. */
  function asks(): Question | null {
    const menu = card.value?.presets.at(-1)?.code ?? ''
    const text = current.value.note
    if (text.length < SHORTEST_NOTE && !menu) return null
    return { request: currentId.value, text, menu, queue: card.value?.queue ?? '' }
  }

  async function suggest(): Promise<void> {
    suggestSoon.drop()
    suggestAgain.drop()
    again = 0
    question = asks()
    if (question) await askFor(question)
    else suggested.value = null
  }

  async function askFor(wanted: Question): Promise<void> {
    const { text, menu, queue } = wanted
    const isWanted = (): boolean => question === wanted && currentId.value === wanted.request && current.value.note === text
    try {
      const body = { text, menu, queue, service: '', outbound: false }
      const found = await asked(api.POST('/api/v1/categories/suggestion', { body }))
      if (!isWanted()) return
      suggested.value = found
      if (!found.ready) onceMore()
    } catch (error) {
      if (!isWanted()) return
      suggested.value = null
      if (isUnanswered(error)) onceMore()
    }
  }

  function onceMore(): void {
    if (again++ < MOST_AGAIN) suggestAgain()
  }

  function choose(code: string): void {
    const from = suggested.value
    const suggestion = from?.ready ? { guess: from.guess, confidence: from.confidence, model: from.model } : null
    change({ code, suggestion })
  }

  function add(): void {
    requests.value.push(blank())
    ids.value = [...ids.value, ++lastId]
    select(requests.value.length - 1)
  }

  function remove(index: number): void {
    if (requests.value.length < 2) return
    requests.value.splice(index, 1)
    ids.value = ids.value.filter((_, place) => place !== index)
    select(index < at.value ? at.value - 1 : Math.min(at.value, requests.value.length - 1))
    state.value = 'typing'
    keepSoon()
  }

  /** File the form; true when it is committed. */
  async function save(): Promise<boolean> {
    if (!canSave.value) return false
    isSaving.value = true
    problem.value = null
    keepSoon.drop()
    const id = callId.value
    const key = unanswered?.id === id ? unanswered.key : crypto.randomUUID()
    // What stands there now; somebody may type on, or another call may ring.
    const body = { requests: copied(requests.value) }
    try {
      await drafts.drop(id)
      const path = { call_id: id }
      unanswered = { id, key }
      await changed(({ header }) => api.POST('/api/v1/calls/{call_id}/requests', { params: { header, path }, body }), key)
      unanswered = null
      drafts.forget(id)
      filed.value += body.requests.length
      // Another call may have rung meanwhile: its form stays.
      if (callId.value === id) reset('')
      left.delete(id)
      return true
    } catch (error) {
      if (!isUnanswered(error)) unanswered = null
      if (callId.value === id) {
        problem.value = error
        keepSoon()
      }
      return false
    } finally {
      isSaving.value = false
    }
  }

  return {
    callId, card, requests, at, current, currentId, suggested, state, problem, wasFiled, isSaving, canSave, filed,
    open, select, change, choose, add, remove, save,
  }
})

function isSame(one: Question | null, other: Question | null): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

function copied(requests: Content[]): Content[] {
  return JSON.parse(JSON.stringify(requests)) as Content[]
}
