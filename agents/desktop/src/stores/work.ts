import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'

import { api, asked, changed, type Schemas } from '../api'
import { useSession } from './session'

export type Message = Schemas['Message']
export type Missed = Schemas['Missed']
export type Finish = Schemas['Finish']

const LOOK_MS = 30_000

/** What is to be done besides the calls that ring: nobody does what another has in hand. */
export const useWork = defineStore('work', () => {
  const session = useSession()
  const isOpen = ref(false)
  const isAsked = ref(false)
  const messages = shallowRef<Message[]>([])
  const missed = shallowRef<Missed[]>([])
  const callbacks = shallowRef<Schemas['CallBack'][]>([])
  const day = shallowRef<Schemas['Day'] | null>(null)
  const problem = shallowRef<unknown>(null)
  /** Numbers that were claimed here, by entry. */
  const numbers = ref<Record<number, string>>({})
  let timer: ReturnType<typeof setInterval> | undefined

  const me = computed(() => session.person?.person ?? '')
  const isFree = (taker: string): boolean => taker === '' || taker === me.value
  const count = computed(() =>
    messages.value.filter((one) => isFree(one.taken_by)).length + missed.value.filter((one) => isFree(one.claimed_by)).length)

  async function look(): Promise<void> {
    try {
      const [left, gaveUp, promised, own] = await Promise.all([
        asked(api.GET('/api/v1/messages')),
        asked(api.GET('/api/v1/missed')),
        asked(api.GET('/api/v1/callbacks')),
        asked(api.GET('/api/v1/day')),
      ])
      messages.value = left.messages
      missed.value = gaveUp.missed
      callbacks.value = promised.callbacks
      day.value = own
      isAsked.value = true
    } catch (error) {
      problem.value ??= error
    }
  }

  /** Look now and from time to time, until told to stop. */
  function watch(): void {
    stop()
    void look()
    timer = setInterval(() => { void look() }, LOOK_MS)
  }

  function stop(): void {
    clearInterval(timer)
  }

  /** Do it, and show how things stand after it; true when it was done. */
  async function act(change: () => Promise<unknown>): Promise<boolean> {
    problem.value = null
    try {
      await change()
    } catch (error) {
      problem.value = error
    }
    await look()
    return problem.value === null
  }

  const ofMessage = (call_id: string) => ({ path: { call_id } })
  const ofMissed = (missed_id: number) => ({ path: { missed_id } })

  const takeMessage = (id: string): Promise<boolean> => act(() =>
    changed(({ header }) => api.POST('/api/v1/messages/{call_id}/claim', { params: { header, ...ofMessage(id) } })))
  const leaveMessage = (id: string): Promise<boolean> => act(() =>
    changed(({ header }) => api.DELETE('/api/v1/messages/{call_id}/claim', { params: { header, ...ofMessage(id) } })))
  const finishMessage = (id: string): Promise<boolean> => act(() =>
    changed(({ header }) => api.POST('/api/v1/messages/{call_id}/done', { params: { header, ...ofMessage(id) } })))

  const claim = (id: number): Promise<boolean> => act(async () => {
    const claimed = await changed(({ header }) => api.POST('/api/v1/missed/{missed_id}/claim', { params: { header, ...ofMissed(id) } }))
    numbers.value[id] = claimed.number
  })
  const release = (id: number): Promise<boolean> => act(async () => {
    await changed(({ header }) => api.DELETE('/api/v1/missed/{missed_id}/claim', { params: { header, ...ofMissed(id) } }))
    numbers.value[id] = ''
  })
  const settle = (id: number, outcome: Finish): Promise<boolean> => act(() =>
    changed(({ header }) => api.POST('/api/v1/missed/{missed_id}/outcome', { params: { header, ...ofMissed(id) }, body: { outcome } })))

  /** Where a message that one has taken can be heard, for a minute. */
  async function soundOf(id: string, reason: string): Promise<string> {
    problem.value = null
    const path = { call_id: id, leg: 'voicemail' }
    try {
      const made = await changed(({ header }) =>
        api.POST('/api/v1/calls/{call_id}/recordings/{leg}/link', { params: { header, path }, body: { reason } }))
      return made.url
    } catch (error) {
      problem.value = error
      return ''
    }
  }

  return {
    isOpen, isAsked, messages, missed, callbacks, day, problem, numbers, me, count,
    watch, stop, look, takeMessage, leaveMessage, finishMessage, claim, release, settle, soundOf,
  }
})
