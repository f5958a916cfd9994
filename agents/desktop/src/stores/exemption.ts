import { defineStore } from 'pinia'
import { computed, reactive, ref } from 'vue'

import { api, asked, changed, Refusal, type Schemas } from '../api'
import { NO_CALL } from '../problems'

export type Reason = Schemas['Exemption']

/** What was said of one call. */
interface Said {
  reason: Reason | null
  problem: unknown
  isBusy: boolean
}

/** Calls that are remembered; the server knows of all. */
const MOST = 50

/** Why a caller is not to be asked to rate: of the call at this telephone, or of a call-back that was. */
export const useExemption = defineStore('exemption', () => {
  const calls = reactive(new Map<string, Said>())
  /** The call at this telephone, whatever form is open; empty: none. */
  const hereId = ref('')
  const here = computed(() => of(hereId.value))

  /** What is known of a call, and of no other. */
  function of(id: string): Readonly<Said> {
    return calls.get(id) ?? { reason: null, problem: null, isBusy: false }
  }

  function kept(id: string): Said {
    const known = calls.get(id)
    if (known) return known
    const [oldest] = calls.keys()
    if (oldest !== undefined && calls.size >= MOST) calls.delete(oldest)
    calls.set(id, { reason: null, problem: null, isBusy: false })
    return kept(id)
  }

  /** Ask what was said of a call: the page may be new, and the call not. */
  async function look(id: string): Promise<void> {
    if (!id) return
    const said = kept(id)
    said.problem = null
    try {
      const found = await asked(api.GET('/api/v1/calls/{call_id}/exemption', { params: { path: { call_id: id } } }))
      if (!said.isBusy) said.reason = found.reason
    } catch {
      // A label that is missing; saying it will tell what is wrong.
    }
  }

  /** Another call is at this telephone, or none. What was said of it is asked for with its form. */
  function arrived(id: string): void {
    hereId.value = id
  }

  async function act(id: string, change: () => Promise<Schemas['Exempted']>): Promise<boolean> {
    const said = kept(id)
    said.isBusy = true
    said.problem = null
    try {
      said.reason = (await change()).reason
      return true
    } catch (error) {
      said.problem = error
      return false
    } finally {
      said.isBusy = false
    }
  }

  /** Say it; true when it holds. */
  const say = (id: string, why: Reason): Promise<boolean> => act(id, () =>
    changed(({ header }) => api.PUT('/api/v1/calls/{call_id}/exemption', { params: { header, path: { call_id: id } }, body: { reason: why } })))

  const withdraw = (id: string): Promise<boolean> => act(id, () =>
    changed(({ header }) => api.DELETE('/api/v1/calls/{call_id}/exemption', { params: { header, path: { call_id: id } } })))

  /** Of the call at this telephone, whatever form is open. */
  async function sayHere(why: Reason | null): Promise<boolean> {
    const before = hereId.value
    try {
      const { call_id } = await asked(api.GET('/api/v1/calls/current'))
      if (!call_id) throw new Refusal(NO_CALL, 0, '')
      hereId.value = call_id
      return await (why === null ? withdraw(call_id) : say(call_id, why))
    } catch (error) {
      kept(before).problem = error
      return false
    }
  }

  return { hereId, here, of, look, arrived, say, withdraw, sayHere }
})
