import { defineStore } from 'pinia'
import { computed, ref, shallowRef, watch } from 'vue'

import { api, asked, changed, isUnanswered, Refusal, type Schemas } from '../api'
import { blank, isComplete, type Content } from '../content'
import { Drafts } from '../drafts'
import { later } from '../later'
import { useCategories } from './categories'

export type Suggested = Schemas['Suggested']
export type Card = Schemas['Card']
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
  const requests = ref<Content[]>([blank()])
  const at = ref(0)
  const suggested = shallowRef<Suggested | null>(null)
  const state = ref<SaveState>('clean')
  const isSaving = ref(false)
  const problem = shallowRef<unknown>(null)
  const filed = ref(0)
  let isSuggesting = false
  /** A filing that nobody answered: it may be committed, so it is sent again under its key. */
  let unanswered: { id: string; key: string } | null = null

  const current = computed(() => requests.value[at.value] ?? blank())
  /** Filed before the server was lost, and changed since: what came after is not filed. */
  const wasFiled = computed(() => problem.value instanceof Refusal && problem.value.code === 'key_reused')
  const canSave = computed(() => callId.value !== '' && !isSaving.value && requests.value.every(isComplete))

  const drafts = new Drafts((id, fate) => {
    if (callId.value !== id || keepSoon.isWaiting()) return
    state.value = fate === 'kept' ? 'kept' : 'failed'
  })
  const keepSoon = later(DRAFT_MS, () => { if (callId.value) drafts.keep(callId.value, copied(requests.value)) })
  const suggestSoon = later(SUGGEST_MS, () => { void suggest() })
  const suggestAgain = later(AGAIN_MS, () => { void suggest() })
  let again = 0

  /** Show a call's form; what was typed for another stays as its draft. */
  async function open(id: string): Promise<void> {
    if (id === callId.value) return
    keepSoon.now()
    reset(id)
    await Promise.all([loadCard(id), loadDraft(id), categories.begin().then(prefill).catch(() => undefined)])
    if (callId.value !== id) return
    prefill()
    if (!suggested.value && !isSuggesting) void suggest()
  }

  function reset(id: string): void {
    callId.value = id
    card.value = null
    requests.value = [blank()]
    at.value = 0
    suggested.value = null
    suggestAgain.drop()
    again = 0
    state.value = 'clean'
    problem.value = null
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
      drafts.read(id, form.draft.version)
      // Who was quicker than the answer types on; what he types is kept in its place.
      if (callId.value !== id || state.value !== 'clean') return
      if (form.draft.requests.length) requests.value = form.draft.requests
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
    if (part.note !== undefined) suggestSoon()
  }

  async function suggest(): Promise<void> {
    const id = callId.value
    const about = current.value
    const { note } = about
    const menu = card.value?.presets.at(-1)?.code ?? ''
    if (note.length < SHORTEST_NOTE && !menu) {
      suggested.value = null
      return
    }
    isSuggesting = true
    try {
      const body = { text: note, menu, queue: card.value?.queue ?? '', service: '', outbound: false }
      const found = await asked(api.POST('/api/v1/categories/suggestion', { body }))
      if (callId.value !== id || current.value !== about) return
      suggested.value = found
      if (found.ready) again = 0
      else if (again++ < MOST_AGAIN) suggestAgain()
    } catch {
      suggested.value = null
    } finally {
      isSuggesting = false
    }
  }

  function choose(code: string): void {
    const from = suggested.value
    const suggestion = from?.ready ? { guess: from.guess, confidence: from.confidence, model: from.model } : null
    change({ code, suggestion })
  }

  function add(): void {
    requests.value.push(blank())
    at.value = requests.value.length - 1
  }

  function remove(index: number): void {
    if (requests.value.length < 2) return
    requests.value.splice(index, 1)
    at.value = Math.min(at.value, requests.value.length - 1)
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

  // What was suggested for one request is not meant for another.
  watch(at, () => {
    suggested.value = null
    suggestSoon()
  })

  return {
    callId, card, requests, at, current, suggested, state, problem, wasFiled, isSaving, canSave, filed,
    open, change, choose, add, remove, save,
  }
})

function copied(requests: Content[]): Content[] {
  return JSON.parse(JSON.stringify(requests)) as Content[]
}
