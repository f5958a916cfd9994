import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'

import { api, asked, changed, Refusal, type Schemas } from '../api'
import { NO_CALL } from '../problems'

export type Reason = Schemas['Exemption']

/** Why a caller is not to be asked to rate: of the call at this telephone, or of a call-back that was. */
export const useExemption = defineStore('exemption', () => {
  const callId = ref('')
  const reason = ref<Reason | null>(null)
  const problem = shallowRef<unknown>(null)
  const isBusy = ref(false)

  /** Ask what was said of a call: the page may be new, and the call not. */
  async function look(id: string): Promise<void> {
    callId.value = id
    reason.value = null
    problem.value = null
    if (!id) return
    try {
      const found = await asked(api.GET('/api/v1/calls/{call_id}/exemption', { params: { path: { call_id: id } } }))
      if (callId.value === id && !isBusy.value) reason.value = found.reason
    } catch {
      // A label that is missing; saying it will tell what is wrong.
    }
  }

  async function act(id: string, change: () => Promise<Schemas['Exempted']>): Promise<boolean> {
    isBusy.value = true
    problem.value = null
    try {
      const done = await change()
      if (callId.value === id) reason.value = done.reason
      return true
    } catch (error) {
      if (callId.value === id) problem.value = error
      return false
    } finally {
      isBusy.value = false
    }
  }

  /** Say it; true when it holds. */
  const say = (id: string, why: Reason): Promise<boolean> => act(id, () =>
    changed(({ header }) => api.PUT('/api/v1/calls/{call_id}/exemption', { params: { header, path: { call_id: id } }, body: { reason: why } })))

  const withdraw = (id: string): Promise<boolean> => act(id, () =>
    changed(({ header }) => api.DELETE('/api/v1/calls/{call_id}/exemption', { params: { header, path: { call_id: id } } })))

  /** Of the call at this telephone, whatever form is open. */
  async function sayHere(why: Reason | null): Promise<boolean> {
    problem.value = null
    try {
      const { call_id } = await asked(api.GET('/api/v1/calls/current'))
      if (!call_id) throw new Refusal(NO_CALL, 0, '')
      callId.value = call_id
      return await (why === null ? withdraw(call_id) : say(call_id, why))
    } catch (error) {
      problem.value = error
      return false
    }
  }

  return { callId, reason, problem, isBusy, look, say, withdraw, sayHere }
})
