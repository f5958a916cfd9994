import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'

import { api, asked, type Schemas } from '../api'
import { daysBack } from '../clock'

export type Table = Schemas['Table']
export type CallBehind = Schemas['CallOfFigure']

export interface Wanted {
  name: string
  first: string
  last: string
  queue: string
  agent: string
  unit: string
}

export const FILTERS = ['queue', 'agent', 'unit'] as const

const MONTH_DAYS = 30

/** Reports at hand: which there are, what is wanted, and the one that was run. */
export const useReports = defineStore('reports', () => {
  const kinds = shallowRef<Schemas['Kind'][]>([])
  const wanted = ref<Wanted>({ name: 'day', first: daysBack(MONTH_DAYS), last: daysBack(0), queue: '', agent: '', unit: '' })
  const table = shallowRef<Table | null>(null)
  const shown = shallowRef<Wanted | null>(null)
  const behind = shallowRef<{ key: string; calls: CallBehind[] } | null>(null)
  const problem = shallowRef<unknown>(null)
  const isRunning = ref(false)
  /** By what the report that is wanted can be narrowed; an empty list until the reports are known. */
  const narrows = computed(() => kinds.value.find((one) => one.name === wanted.value.name)?.filters ?? [])
  let running: AbortController | null = null

  async function look(): Promise<void> {
    await attempt(async (signal) => {
      kinds.value = (await asked(api.GET('/api/v1/reports', { signal }))).reports
    })
  }

  async function run(): Promise<void> {
    const { name, ...query } = narrowed(wanted.value, narrows.value)
    await attempt(async (signal) => {
      table.value = await asked(api.GET('/api/v1/reports/{name}', { params: { path: { name }, query }, signal }))
      shown.value = { name, ...query }
      behind.value = null
    })
  }

  /** Show the calls that a row's first figure counts, narrowed as the table is. */
  async function lookBehind(key: string): Promise<void> {
    if (!shown.value) return
    const { name, ...query } = shown.value
    await attempt(async (signal) => {
      const params = { path: { name }, query: { ...query, key } }
      const found = await asked(api.GET('/api/v1/reports/{name}/behind', { params, signal }))
      behind.value = { key, calls: found.calls }
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

  return { kinds, wanted, narrows, table, shown, behind, problem, isRunning, look, run, lookBehind, stop }
})

/** What is asked for, without what the report cannot be narrowed by. */
export function narrowed(wanted: Wanted, by: readonly string[]): Wanted {
  const left = { ...wanted }
  for (const key of FILTERS) if (!by.includes(key)) left[key] = ''
  return left
}

/** Where a report that was shown is taken out from. */
export function fileOf({ name, ...wanted }: Wanted, form: 'csv' | 'xlsx'): string {
  return `/api/v1/reports/${encodeURIComponent(name)}/file?${new URLSearchParams({ ...wanted, form }).toString()}`
}

/** What the columns of figures come to, in their order. */
export function totals(table: Table): number[] {
  const columns = table.headings.slice(1)
  return columns.map((_, at) => table.rows.reduce((sum, row) => sum + Number(row[at + 1]), 0))
}
