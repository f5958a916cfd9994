/** A telephone that stands on the desk: what the switch tells of it, as a call like any other. */
import type { Call } from './softphone'

/** What is known of one's seat. */
export interface Seat {
  activity: string
  callId: string
  /** Milliseconds since 1970, when this activity began. */
  since: number
}

/**
 * The call at the telephone, or null.
 *
 * @param seat what the switch tells
 * @param hasDialled whether one has asked for a number in this call: then one's own telephone rings
 *   to be lifted, and nobody calls
 */
export function callAt(seat: Seat, hasDialled: boolean): Call | null {
  const rings = seat.activity === 'ringing'
  // Who has no call at all may still be shown paused, or away.
  if (!seat.callId || (!rings && seat.activity !== 'talking')) return null
  return {
    id: seat.callId,
    direction: hasDialled ? 'out' : 'in',
    party: '',
    phase: rings ? (hasDialled ? 'dialling' : 'ringing') : 'talking',
    held: false,
    muted: false,
    rejoin: false,
    since: rings ? null : seat.since,
  }
}
