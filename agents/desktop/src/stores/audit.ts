import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'

import { api, asked, type Schemas } from '../api'
import { daysBack } from '../clock'

export type Line = Schemas['AuditLine']

export interface Wanted {
  first: string
  last: string
  actor: string
  action: string
  object: string
}

const WEEK_DAYS = 6

/** What was done by whom, for those who watch over the others. */
export const useAudit = defineStore('audit', () => {
  const wanted = ref<Wanted>({ first: daysBack(WEEK_DAYS), last: daysBack(0), actor: '', action: '', object: '' })
  const actions = shallowRef<string[]>([])
  const lines = shallowRef<Line[]>([])
  const shown = shallowRef<Wanted | null>(null)
  const hasMore = ref(false)
  const chain = shallowRef<Schemas['Chain'] | null>(null)
  const problem = shallowRef<unknown>(null)
  const isBusy = ref(false)

  async function begin(): Promise<void> {
    await attempt(async () => {
      actions.value = (await asked(api.GET('/api/v1/audit/actions'))).actions
    })
  }

  async function look(): Promise<void> {
    const query = { ...wanted.value }
    await attempt(async () => {
      const found = await asked(api.GET('/api/v1/audit', { params: { query } }))
      lines.value = found.lines
      hasMore.value = found.more
      shown.value = query
    })
  }

  /** Add what came before the lines that are shown. */
  async function more(): Promise<void> {
    const last = lines.value.at(-1)
    if (!shown.value || !last) return
    const query = { ...shown.value, before: last.seq }
    await attempt(async () => {
      const found = await asked(api.GET('/api/v1/audit', { params: { query } }))
      lines.value = [...lines.value, ...found.lines]
      hasMore.value = found.more
    })
  }

  async function check(): Promise<void> {
    await attempt(async () => {
      chain.value = await asked(api.GET('/api/v1/audit/chain'))
    })
  }

  async function attempt(ask: () => Promise<void>): Promise<void> {
    isBusy.value = true
    problem.value = null
    try {
      await ask()
    } catch (error) {
      problem.value = error
    } finally {
      isBusy.value = false
    }
  }

  return { wanted, actions, lines, shown, hasMore, chain, problem, isBusy, begin, look, more, check }
})

/** Where the lines that were shown are taken out from. */
export function fileOf(wanted: Wanted): string {
  return `/api/v1/audit/file?${new URLSearchParams({ ...wanted }).toString()}`
}
