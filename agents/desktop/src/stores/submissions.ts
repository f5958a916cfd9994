import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'

import { api, asked, changed, type Problem, type Schemas } from '../api'
import { daysBack } from '../clock'

export type Standing = Schemas['UnitStanding']
export type Version = Schemas['MonthVersion']

const EDITION = '12320-2016'
/** Characters that are turned at once; more would not fit a call's arguments. */
const PIECE = 32_768

/** Units' months: who has reported, what was handed in, and what became of it. */
export const useSubmissions = defineStore('submissions', () => {
  const choices = shallowRef<Schemas['Choices']>({ networks: [], editions: [] })
  const wanted = ref({ network: '', month: monthBefore(daysBack(0)), edition: EDITION })
  const standings = shallowRef<Schemas['Standings'] | null>(null)
  const opened = shallowRef<{ unit: string; name: string; versions: Version[] } | null>(null)
  const receipt = shallowRef<Schemas['Receipt'] | null>(null)
  const faults = shallowRef<Problem['fields']>([])
  const problem = shallowRef<unknown>(null)
  /** The file was changed or taken away after it had been chosen. */
  const isUnreadable = ref(false)
  const isBusy = ref(false)

  async function look(): Promise<void> {
    await attempt(async () => {
      choices.value = await asked(api.GET('/api/v1/submissions/choices'))
      wanted.value.network ||= choices.value.networks[0] ?? ''
      if (wanted.value.network) await relook()
    })
  }

  /** Ask who has reported the month that is wanted. */
  async function show(): Promise<void> {
    opened.value = null
    await attempt(relook)
  }

  async function relook(): Promise<void> {
    standings.value = await asked(api.GET('/api/v1/submissions', { params: { query: { ...wanted.value } } }))
  }

  async function open(unit: string, name: string): Promise<void> {
    await attempt(() => reopen(unit, name))
  }

  async function reopen(unit: string, name: string): Promise<void> {
    const { month, edition } = wanted.value
    const params = { path: { unit, month }, query: { edition } }
    const found = await asked(api.GET('/api/v1/units/{unit}/months/{month}', { params }))
    opened.value = { unit, name, versions: found.versions }
  }

  /** Hand in a file; a file with wrong cells leaves them in `faults`. True when it was taken. */
  async function handIn(file: File, signature: File | null): Promise<boolean> {
    receipt.value = null
    faults.value = []
    problem.value = null
    const body = await read(file, signature)
    isUnreadable.value = body === null
    if (body === null) return false
    return attempt(async () => {
      receipt.value = await changed(async ({ header }) => {
        const answer = await api.POST('/api/v1/submissions', { params: { header }, body })
        faults.value = (answer.error as Partial<Problem> | undefined)?.fields ?? []
        return answer
      })
      if (wanted.value.network) await relook()
    })
  }

  async function accept(one: Version): Promise<void> {
    const path = { submission_id: one.submission_id }
    await decide(() => changed(({ header }) => api.POST('/api/v1/submissions/{submission_id}/accept', { params: { header, path } })))
  }

  async function sendBack(one: Version, reason: string): Promise<void> {
    const path = { submission_id: one.submission_id }
    await decide(() => changed(({ header }) => api.POST('/api/v1/submissions/{submission_id}/return', { params: { header, path }, body: { reason } })))
  }

  /** Do what was decided, and show the month as it stands after it, also when it was refused. */
  async function decide(act: () => Promise<unknown>): Promise<void> {
    await attempt(async () => {
      try {
        await act()
      } finally {
        await relook()
        if (opened.value) await reopen(opened.value.unit, opened.value.name)
      }
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

  return { choices, wanted, standings, opened, receipt, faults, problem, isUnreadable, isBusy, look, show, open, handIn, accept, sendBack }
})

/** What is sent of the files; null when the browser may not read what it was given to read. */
async function read(file: File, signature: File | null): Promise<Schemas['HandedIn'] | null> {
  try {
    return {
      name: file.name,
      content: base64Of(new Uint8Array(await file.arrayBuffer())),
      signature: (await signature?.text())?.trim() ?? '',
    }
  } catch {
    return null
  }
}

/** The month before that of a day, as 2026-10. */
export function monthBefore(day: string): string {
  const [year = 0, month = 0] = day.split('-').map(Number)
  return month > 1 ? `${year}-${String(month - 1).padStart(2, '0')}` : `${year - 1}-12`
}

/** Bytes as JSON can carry them. */
export function base64Of(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += PIECE) {
    text += String.fromCharCode(...bytes.subarray(at, at + PIECE))
  }
  return btoa(text)
}

/** Where the form that a unit fills in is taken out from. */
export function formOf(unit: string, { month, edition }: { month: string; edition: string }): string {
  const path = `/api/v1/units/${encodeURIComponent(unit)}/months/${encodeURIComponent(month)}/form`
  return `${path}?${new URLSearchParams({ edition }).toString()}`
}

/** How a month stands, as one word that has a text. */
export function wordOf(one: Standing): 'counted' | 'complete' | 'partial' | 'waiting' | 'returned' | 'missing' {
  if (one.counted_here) return 'counted'
  if (one.standing === 'complete' || one.standing === 'partial') return one.standing
  if (one.returned) return 'returned'
  return one.version === null ? 'missing' : 'waiting'
}

/** Whether a network is one that we ship and can name in every language. */
export function isShipped(network: string): network is 'national' | 'jiangsu' {
  return network === 'national' || network === 'jiangsu'
}
