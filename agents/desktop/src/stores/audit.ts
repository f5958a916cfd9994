import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'

import { api, asked, type Schemas } from '../api'
import { daysBack } from '../clock'
import { handOver } from '../files'
import { task, within } from '../task'

export type Line = Schemas['AuditLine']

export interface Wanted {
  first: string
  last: string
  actor: string
  action: string
  object: string
}

/** What a walk along the whole chain has found. */
export interface Walked {
  lines: number
  newest: string
  faults: number
  breaks: Schemas['ChainBreak'][]
  at: Date
}

const WEEK_DAYS = 6
const BREAKS_SHOWN = 20

/** What was done by whom, for those who watch over the others. */
export const useAudit = defineStore('audit', () => {
  const wanted = ref<Wanted>({ first: daysBack(WEEK_DAYS), last: daysBack(0), actor: '', action: '', object: '' })
  const actions = shallowRef<string[]>([])
  const lines = shallowRef<Line[]>([])
  const shown = shallowRef<Wanted | null>(null)
  const hasMore = ref(false)
  const chain = shallowRef<Walked | null>(null)
  const progress = shallowRef({ checked: 0, lines: 0 })
  const naming = task()
  const looking = task()
  const checking = task()
  const taking = task()
  /** Lines that are shown were written after the chain was checked. */
  const hasNewer = computed(() => chain.value !== null && (lines.value[0]?.seq ?? 0) > chain.value.lines)
  const problem = computed(() => looking.problem.value ?? taking.problem.value ?? naming.problem.value)

  async function begin(): Promise<void> {
    await naming.run(async (signal) => {
      actions.value = (await asked(api.GET('/api/v1/audit/actions', { signal: within(signal) }))).actions
    })
  }

  async function look(): Promise<void> {
    const query = { ...wanted.value }
    await looking.run(async (signal) => {
      const found = await page(query, signal).catch((error: unknown) => {
        // What stood there is no answer to what was asked now.
        if (!signal.aborted) shown.value = null
        throw error
      })
      lines.value = found.lines
      hasMore.value = found.more
      shown.value = query
    })
  }

  /** Add what came before the lines that are shown. */
  async function more(): Promise<void> {
    const last = lines.value.at(-1)
    if (!shown.value || !last || looking.isBusy.value) return
    const query = { ...shown.value, before: last.seq }
    await looking.run(async (signal) => {
      const found = await page(query, signal)
      lines.value = [...lines.value, ...found.lines]
      hasMore.value = found.more
    })
  }

  async function page(query: Wanted & { before?: number }, signal: AbortSignal): Promise<Schemas['AuditLines']> {
    const found = await asked(api.GET('/api/v1/audit', { params: { query }, signal: within(signal) }))
    signal.throwIfAborted()
    return found
  }

  /** Walk along the whole chain, stretch by stretch. */
  async function check(): Promise<void> {
    if (checking.isBusy.value) return
    chain.value = null
    progress.value = { checked: 0, lines: 0 }
    await checking.run(async (signal) => {
      const at = new Date()
      const breaks: Walked['breaks'] = []
      let faults = 0
      for (;;) {
        const query = { after: progress.value.checked }
        const found = await asked(api.GET('/api/v1/audit/chain', { params: { query }, signal: within(signal) }))
        signal.throwIfAborted()
        faults += found.faults
        breaks.push(...found.breaks.slice(0, BREAKS_SHOWN - breaks.length))
        progress.value = { checked: found.checked, lines: found.lines }
        if (found.checked < found.lines) continue
        chain.value = { lines: found.lines, newest: found.newest_hash, faults, breaks, at }
        return
      }
    })
  }

  /** Take the lines that are shown out as a file. */
  async function take(): Promise<void> {
    const query = shown.value
    if (!query || taking.isBusy.value) return
    await taking.run(async (signal) => {
      const file = await asked(api.GET('/api/v1/audit/file', { params: { query }, parseAs: 'blob', signal: within(signal) }))
      handOver(file, `audit-${query.first}-${query.last}.csv`)
    })
  }

  /** Nobody looks any more. */
  function leave(): void {
    for (const one of [naming, looking, checking, taking]) one.stop()
  }

  return {
    wanted, actions, lines, shown, hasMore, hasNewer, chain, progress, problem,
    isLooking: looking.isBusy, isChecking: checking.isBusy, isTaking: taking.isBusy, chainProblem: checking.problem,
    begin, look, more, check, take, leave,
  }
})
