import { defineStore } from 'pinia'

import { api, asked } from '../api'
import { added, summed, type Figures, type Sums, type Tally } from '../quality'

const TELL_MS = 15_000

/** Tells the server how the call at this telephone sounds, now and then and at its end. */
export const useCallQuality = defineStore('quality', () => {
  let sums: Sums | null = null
  let part = ''
  let callId = ''
  let toldAt = 0

  async function measured(figures: Figures, tally: Tally, now: number): Promise<void> {
    if (!sums) {
      part = crypto.randomUUID()
      callId = ''
      toldAt = now
    }
    sums = added(sums, figures, tally, now)
    if (!callId) callId = (await asked(api.GET('/api/v1/calls/current')).catch(() => null))?.call_id ?? ''
    if (now - toldAt < TELL_MS) return
    toldAt = now
    await tell(now)
  }

  /** The call is over; what was measured since is told, and the next one begins anew. */
  async function ended(now: number): Promise<void> {
    const telling = tell(now)
    sums = null
    await telling
  }

  async function tell(now: number): Promise<void> {
    if (!sums || !callId) return
    const body = summed(sums, part, now)
    // A figure that is lost is told again with the next.
    await asked(api.PUT('/api/v1/calls/{call_id}/quality', { params: { path: { call_id: callId } }, body })).catch(() => undefined)
  }

  return { measured, ended }
})
