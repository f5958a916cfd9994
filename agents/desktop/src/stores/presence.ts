import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'

import { api, asked, changed, Refusal, type Schemas } from '../api'

export type Presence = Schemas['Presence']
export type Wish = Schemas['Wish']

/** What one does and means to do. */
export const usePresence = defineStore('presence', () => {
  const own = shallowRef<Presence | null>(null)
  const reasons = shallowRef<Schemas['PauseReason'][]>([])
  const problem = ref<unknown>(null)

  async function look(): Promise<void> {
    try {
      own.value = await asked(api.GET('/api/v1/presence'))
    } catch (error) {
      if (error instanceof Refusal && error.code === 'presence_unknown') own.value = null
    }
  }

  async function begin(): Promise<void> {
    try {
      reasons.value = (await asked(api.GET('/api/v1/presence/reasons'))).reasons
    } catch (error) {
      problem.value = error
    }
    await look()
  }

  async function mean(state: Wish, reason = ''): Promise<void> {
    problem.value = null
    try {
      own.value = await changed((params) => api.PUT('/api/v1/presence', { params, body: { state, reason } }))
    } catch (error) {
      problem.value = error
    }
  }

  return { own, reasons, problem, begin, look, mean }
})
