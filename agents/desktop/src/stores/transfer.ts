import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'

import { api, asked, changed, Refusal, type Schemas } from '../api'
import { NO_CALL } from '../problems'
import { choices, type Choice } from '../targets'

type Way = Schemas['Way']

/** Handing the caller at this telephone over. */
export const useTransfer = defineStore('transfer', () => {
  const listed = shallowRef<Choice[]>([])
  const consultation = shallowRef<Schemas['Consultation'] | null>(null)
  const problem = shallowRef<unknown>(null)
  const isBusy = ref(false)
  const isOpen = ref(false)

  async function look(): Promise<void> {
    try {
      const found = await asked(api.GET('/api/v1/transfers'))
      listed.value = choices(found)
      consultation.value = found.consultation
    } catch (error) {
      problem.value = error
    }
  }

  async function open(): Promise<void> {
    isOpen.value = !isOpen.value
    problem.value = null
    if (isOpen.value) await look()
  }

  /** Do it; true when the switch has done it. */
  async function act(way: Way, target = ''): Promise<boolean> {
    isBusy.value = true
    problem.value = null
    try {
      const { call_id } = await asked(api.GET('/api/v1/calls/current'))
      if (!call_id) throw new Refusal(NO_CALL, 0, '')
      const done = await changed(({ header }) =>
        api.POST('/api/v1/calls/{call_id}/transfer', { params: { header, path: { call_id } }, body: { way, target } }))
      consultation.value = done.consultation
      isOpen.value = false
      return true
    } catch (error) {
      problem.value = error
      // The two are together already: there is nothing left to take back.
      if (way === 'take_back' && error instanceof Refusal && error.code === 'not_consulting') consultation.value = null
      return false
    } finally {
      isBusy.value = false
    }
  }

  /** The call is over, and what was going on in it. */
  function forget(): void {
    consultation.value = null
    problem.value = null
    isOpen.value = false
  }

  return {
    listed,
    consultation,
    problem,
    isBusy,
    isOpen,
    isConsulting: computed(() => consultation.value !== null),
    look,
    open,
    act,
    forget,
  }
})
