import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'

import { api, asked, type Schemas } from '../api'
import { daysBack } from '../clock'

export type Table = Schemas['Table']

export interface Wanted {
  name: string
  first: string
  last: string
  queue: string
  agent: string
  unit: string
}

const MONTH_DAYS = 30

/** Reports at hand: which there are, what is wanted, and the one that was run. */
export const useReports = defineStore('reports', () => {
  const kinds = shallowRef<Schemas['Kind'][]>([])
  const wanted = ref<Wanted>({ name: 'day', first: daysBack(MONTH_DAYS), last: daysBack(0), queue: '', agent: '', unit: '' })
  const table = shallowRef<Table | null>(null)
  const shown = shallowRef<Wanted | null>(null)
  const behind = shallowRef<{ code: string; calls: Schemas['CallBehind'][] } | null>(null)
  const problem = shallowRef<unknown>(null)
  const isRunning = ref(false)
  let running: AbortController | null = null

  async function look(): Promise<void> {
    await attempt(async (signal) => {
      kinds.value = (await asked(api.GET('/api/v1/reports', { signal }))).reports
    })
  }

  async function run(): Promise<void> {
    const { name, ...query } = wanted.value
    await attempt(async (signal) => {
      table.value = await asked(api.GET('/api/v1/reports/{name}', { params: { path: { name }, query }, signal }))
      shown.value = { name, ...query }
      behind.value = null
    })
  }

  /** Show the calls behind a row of the report by category, whose key is a scheme and a code. */
  async function lookBehind(key: string): Promise<void> {
    const [scheme = '', code = ''] = key.split(' ')
    if (!shown.value) return
    const { first, last, unit } = shown.value
    await attempt(async (signal) => {
      const query = { scheme, code, first, last, unit }
      const found = await asked(api.GET('/api/v1/requests/behind', { params: { query }, signal }))
      behind.value = { code, calls: found.calls }
    })
  }

  /** Give up what is running; what was shown stays. */
  function stop(): void {
    running?.abort()
  }

  /** Ask, unless stopped; what was asked before is given up. */
  async function attempt(ask: (signal: AbortSignal) => Promise<void>): Promise<void> {
    stop()
    const mine = new AbortController()
    running = mine
    isRunning.value = true
    problem.value = null
    try {
      await ask(mine.signal)
    } catch (error) {
      if (!mine.signal.aborted) problem.value = error
    } finally {
      if (running === mine) {
        running = null
        isRunning.value = false
      }
    }
  }

  return { kinds, wanted, table, shown, behind, problem, isRunning, look, run, lookBehind, stop }
})

/** Where a report that was shown is taken out from. */
export function fileOf({ name, ...wanted }: Wanted, form: 'csv' | 'xlsx'): string {
  return `/api/v1/reports/${encodeURIComponent(name)}/file?${new URLSearchParams({ ...wanted, form }).toString()}`
}

/** What the columns of figures come to, in their order. */
export function totals(table: Table): number[] {
  const columns = table.headings.slice(1)
  return columns.map((_, at) => table.rows.reduce((sum, row) => sum + Number(row[at + 1]), 0))
}
