import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'

import { api, asked, type Schemas } from '../api'
import { daysBack } from '../clock'
import { download, runBySteps, type Progress } from '../steps'

export type Table = Schemas['Table']
export type CallBehind = Schemas['CallOfFigure']
export type Period = Schemas['Relative'] | ''

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
  const progress = shallowRef<Progress>({ step: 0, steps: 0 })
  const periods = shallowRef<Schemas['Span'][]>([])
  /** How the days were told; '' when they were typed. */
  const period = ref<Period>('')
  /** By what the report that is wanted can be narrowed; an empty list until the reports are known. */
  const narrows = computed(() => kinds.value.find((one) => one.name === wanted.value.name)?.filters ?? [])
  let running: AbortController | null = null

  /** Read which reports there are; whoever asks for one meanwhile does not stop this. */
  async function look(): Promise<void> {
    try {
      const known = await asked(api.GET('/api/v1/reports'))
      kinds.value = known.reports
      periods.value = known.periods
    } catch (error) {
      problem.value = error
    }
  }

  async function run(): Promise<void> {
    const { name, ...query } = narrowed(wanted.value, narrows.value)
    await attempt(async (signal) => {
      const done = await runBySteps(name, { ...query, shape: 'table' }, signal, (how) => { progress.value = how })
      table.value = done.table ?? null
      shown.value = { name, ...query }
      behind.value = null
    })
  }

  /** Take out what the table shows, as a file. */
  async function takeOut(shape: 'csv' | 'xlsx'): Promise<void> {
    if (!shown.value) return
    const { name, ...query } = shown.value
    await attempt(async (signal) => {
      const done = await runBySteps(name, { ...query, shape }, signal, (how) => { progress.value = how })
      if (done.file) download(done.file)
    })
  }

  /** Let the days be those of a span that is told relatively; '' leaves them as they are. */
  function choose(word: Period): void {
    period.value = word
    const days = periods.value.find((one) => one.period === word)
    if (days) Object.assign(wanted.value, { first: days.first, last: days.last })
  }

  /** Let the form show a saved report, and run it. */
  async function open(one: Schemas['SavedReport']): Promise<void> {
    const { report: name, first, last, queue, agent, unit } = one
    await show({ name, first, last, queue, agent, unit }, one.period)
  }

  /** Let the form show a report, and run it. */
  async function show(one: Wanted, word: Period = ''): Promise<void> {
    wanted.value = one
    period.value = word
    await run()
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
    progress.value = { step: 0, steps: 0 }
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

  return { kinds, periods, period, wanted, narrows, table, shown, behind, problem, isRunning, progress, look, choose, open, show, run, takeOut, lookBehind, stop }
})

const DAY = /^\d{4}-\d{2}-\d{2}$/

/** The report that an address names with its days, as letters do; null when it names none of ours. */
export function wantedOf(query: Record<string, unknown>, kinds: readonly Schemas['Kind'][]): Wanted | null {
  const said = (key: string): string => (typeof query[key] === 'string' ? query[key] : '')
  const [name, first, last] = [said('report'), said('first'), said('last')]
  if (!kinds.some((one) => one.name === name) || !DAY.test(first) || !DAY.test(last)) return null
  return { name, first, last, queue: said('queue'), agent: said('agent'), unit: said('unit') }
}

/** What is asked for, without what the report cannot be narrowed by. */
export function narrowed(wanted: Wanted, by: readonly string[]): Wanted {
  const left = { ...wanted }
  for (const key of FILTERS) if (!by.includes(key)) left[key] = ''
  return left
}

/** What the columns of figures come to, in their order. */
export function totals(table: Table): number[] {
  const columns = table.headings.slice(1)
  return columns.map((_, at) => table.rows.reduce((sum, row) => sum + Number(row[at + 1]), 0))
}
