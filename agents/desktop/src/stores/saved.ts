import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'

import { api, asked, changed, type Schemas } from '../api'

export type SavedReport = Schemas['SavedReport']
export type Wish = Schemas['ReportWish']

/** Reports under a name: one's own, and those that others share. */
export const useSaved = defineStore('saved', () => {
  const all = shallowRef<SavedReport[]>([])
  /** The one that was put away last, while it can be brought back with one press. */
  const deleted = shallowRef<SavedReport | null>(null)
  const problem = shallowRef<unknown>(null)
  const isBusy = ref(false)
  /** Whether it is known which there are. */
  const isKnown = ref(false)

  async function look(): Promise<void> {
    await attempt(relook)
  }

  async function relook(): Promise<void> {
    all.value = (await asked(api.GET('/api/v1/saved-reports'))).saved
    isKnown.value = true
  }

  /** The report of an address; null when it cannot be opened. */
  async function find(saved_id: number): Promise<SavedReport | null> {
    let found: SavedReport | null = null
    await attempt(async () => {
      found = await asked(api.GET('/api/v1/saved-reports/{saved_id}', { params: { path: { saved_id } } }))
    })
    return found
  }

  /** Keep a report; true when it was taken. */
  async function save(body: Wish): Promise<boolean> {
    return attempt(async () => {
      await changed(({ header }) => api.POST('/api/v1/saved-reports', { params: { header }, body }))
      await relook()
    })
  }

  /** Change one's own: its name, or whether others may open it. */
  async function change(one: SavedReport, told: Partial<Pick<SavedReport, 'name' | 'shared'>>): Promise<boolean> {
    const { saved_id, name, report, period, queue, agent, unit, shared } = one
    const body = { name, report, period, queue, agent, unit, shared, ...told }
    return attempt(async () => {
      await changed(({ header }) => api.PUT('/api/v1/saved-reports/{saved_id}', { params: { header, path: { saved_id } }, body }))
      await relook()
    })
  }

  async function remove(one: SavedReport): Promise<void> {
    await attempt(async () => {
      await changed(({ header }) => api.DELETE('/api/v1/saved-reports/{saved_id}', { params: { header, path: { saved_id: one.saved_id } } }))
      deleted.value = one
      await relook()
    })
  }

  /** Bring back what was put away last. */
  async function restore(): Promise<void> {
    const one = deleted.value
    if (!one) return
    await attempt(async () => {
      await changed(({ header }) => api.POST('/api/v1/saved-reports/{saved_id}/restore', { params: { header, path: { saved_id: one.saved_id } } }))
      deleted.value = null
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

  return { all, deleted, problem, isBusy, isKnown, look, find, save, change, remove, restore }
})
