import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'

import { api, asked, changed, type Schemas } from '../api'

export type Schedule = Schemas['Schedule']
export type MailRun = Schemas['MailRun']

/** Reports that are mailed again and again, and what became of each time. */
export const useSchedules = defineStore('schedules', () => {
  const known = shallowRef<Schemas['Schedules'] | null>(null)
  const problem = shallowRef<unknown>(null)
  const isBusy = ref(false)

  async function look(): Promise<void> {
    await attempt(relook)
  }

  async function relook(): Promise<void> {
    known.value = await asked(api.GET('/api/v1/report-schedules'))
  }

  /** Have a report mailed from now on; true when it was taken. */
  async function make(body: Schemas['NewSchedule']): Promise<boolean> {
    return attempt(async () => {
      await changed(({ header }) => api.POST('/api/v1/report-schedules', { params: { header }, body }))
      await relook()
    })
  }

  async function stop({ schedule_id }: Schedule): Promise<void> {
    await attempt(async () => {
      await changed(({ header }) => api.DELETE('/api/v1/report-schedules/{schedule_id}', { params: { header, path: { schedule_id } } }))
      await relook()
    })
  }

  async function sendNow({ schedule_id }: Schedule): Promise<void> {
    await attempt(async () => {
      await changed(({ header }) => api.POST('/api/v1/report-schedules/{schedule_id}/run', { params: { header, path: { schedule_id } } }))
      await relook()
    })
  }

  async function attempt(act: () => Promise<void>): Promise<boolean> {
    isBusy.value = true
    problem.value = null
    try {
      await act()
      return true
    } catch (error) {
      problem.value = error
      return false
    } finally {
      isBusy.value = false
    }
  }

  return { known, problem, isBusy, look, make, stop, sendNow }
})

/** The addresses that somebody typed, whatever he put between them. */
export function addressesOf(typed: string): string[] {
  return typed.split(/[\s,;，；、]+/).filter((one) => one !== '')
}

/** How a time ended: a run that failed has reached some addresses all the same. */
export function stateOf({ state, sent }: Pick<MailRun, 'state' | 'sent'>): MailRun['state'] | 'partly' {
  return state === 'failed' && sent > 0 ? 'partly' : state
}

/** The word for why a run came to nothing, without the mail server's code. */
export function wordOf(reason: string): string {
  return reason.split(' ')[0] ?? ''
}
