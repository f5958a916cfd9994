/** Figures of a call's sound, from the browser's own reports. Pure: reports in, figures out. */
import type { Schemas } from './api'

/** What one side of a call hears and how far away the other is. */
export interface Figures {
  jitterMs: number
  /** Of the packets of the last interval, 0 to 100. */
  lossPercent: number
  /** Null until the other side has reported. */
  roundTripMs: number | null
  codec: string
}

/** Counters at the last look; loss is what happened since. */
export interface Tally {
  received: number
  lost: number
}

interface InboundReport {
  type: string
  kind?: string
  codecId?: string
  jitter?: number
  packetsLost?: number
  packetsReceived?: number
  roundTripTime?: number
  mimeType?: string
}

const MS = 1_000
const PERCENT = 100

/** Read the figures since `before` out of `report`; null without received audio. */
export function measure(
  report: Iterable<[string, unknown]>,
  before: Tally | null,
): { figures: Figures | null; tally: Tally | null } {
  const parts = new Map(report as Iterable<[string, InboundReport]>)
  const all = [...parts.values()]
  const inbound = all.find((one) => one.type === 'inbound-rtp' && one.kind === 'audio')
  if (!inbound) return { figures: null, tally: before }
  const remote = all.find((one) => one.type === 'remote-inbound-rtp')
  const tally = { received: inbound.packetsReceived ?? 0, lost: inbound.packetsLost ?? 0 }
  const lost = Math.max(0, tally.lost - (before?.lost ?? 0))
  const received = Math.max(0, tally.received - (before?.received ?? 0))
  const due = lost + received
  return {
    tally,
    figures: {
      jitterMs: Math.round((inbound.jitter ?? 0) * MS),
      lossPercent: due ? (lost / due) * PERCENT : 0,
      roundTripMs: remote?.roundTripTime === undefined ? null : Math.round(remote.roundTripTime * MS),
      codec: (parts.get(inbound.codecId ?? '')?.mimeType ?? '').replace('audio/', ''),
    },
  }
}

export type Grade = 'good' | 'fair' | 'poor'

/**
 * Grade as a listener would: ITU-T G.107 and G.114 call a call impaired from about 1 % of random
 * loss in G.711 and 150 ms one way, and bad from about 5 % and 400 ms.
 */
export function gradeOf(figures: Figures): Grade {
  const roundTrip = figures.roundTripMs ?? 0
  if (figures.lossPercent > 5 || figures.jitterMs > 60 || roundTrip > 800) return 'poor'
  if (figures.lossPercent > 1 || figures.jitterMs > 30 || roundTrip > 300) return 'fair'
  return 'good'
}

/** What was measured of a call since it began in this browser. */
export interface Sums {
  begun: number
  codec: string
  tally: Tally
  looks: number
  jitterSum: number
  jitterMost: number
  /** Looks at which the other side had reported. */
  trips: number
  tripSum: number
  tripMost: number
}

/** Add a look; `now` is in milliseconds since 1970. */
export function added(sums: Sums | null, figures: Figures, tally: Tally, now: number): Sums {
  const before = sums ?? {
    begun: now, codec: '', tally, looks: 0, jitterSum: 0, jitterMost: 0, trips: 0, tripSum: 0, tripMost: 0,
  }
  const trip = figures.roundTripMs
  return {
    ...before,
    codec: figures.codec || before.codec,
    tally,
    looks: before.looks + 1,
    jitterSum: before.jitterSum + figures.jitterMs,
    jitterMost: Math.max(before.jitterMost, figures.jitterMs),
    trips: before.trips + (trip === null ? 0 : 1),
    tripSum: before.tripSum + (trip ?? 0),
    tripMost: Math.max(before.tripMost, trip ?? 0),
  }
}

/** Give the sums as the server keeps them. */
export function summed(sums: Sums, part: string, now: number): Schemas['Quality'] {
  return {
    part,
    codec: sums.codec,
    seconds: Math.max(0, Math.round((now - sums.begun) / MS)),
    received: sums.tally.received,
    lost: Math.max(0, sums.tally.lost),
    jitter_ms: sums.looks ? sums.jitterSum / sums.looks : 0,
    jitter_most_ms: sums.jitterMost,
    round_trip_ms: sums.trips ? sums.tripSum / sums.trips : null,
    round_trip_most_ms: sums.trips ? sums.tripMost : null,
  }
}
