import { describe, expect, it } from 'vitest'

import { added, gradeOf, measure, summed } from '../src/quality'

const report = (received: number, lost: number): Map<string, unknown> =>
  new Map<string, unknown>([
    ['in', { type: 'inbound-rtp', kind: 'audio', codecId: 'c', jitter: 0.0123, packetsReceived: received, packetsLost: lost }],
    ['out', { type: 'remote-inbound-rtp', roundTripTime: 0.042 }],
    ['c', { type: 'codec', mimeType: 'audio/PCMA' }],
  ])

describe('the figures of a call', () => {
  it('are those of the time since the last look, not of the whole call', () => {
    const first = measure(report(100, 50), null)
    const second = measure(report(195, 55), first.tally)
    expect(first.figures?.lossPercent).toBeCloseTo(33.3, 1)
    expect(second.figures).toEqual({ jitterMs: 12, lossPercent: 5, roundTripMs: 42, codec: 'PCMA' })
  })

  it('are absent while nothing is received', () => {
    expect(measure(new Map(), null).figures).toBeNull()
  })

  it('survive a counter that runs backwards after audio found another way', () => {
    const { figures } = measure(report(10, 0), { received: 500, lost: 9 })
    expect(figures?.lossPercent).toBe(0)
  })
})

describe('the grade', () => {
  const figures = { jitterMs: 10, lossPercent: 0, roundTripMs: 40, codec: 'PCMA' }
  it.each([
    ['good', {}],
    ['good', { roundTripMs: null }],
    ['fair', { lossPercent: 1.1 }],
    ['fair', { jitterMs: 31 }],
    ['fair', { roundTripMs: 301 }],
    ['poor', { lossPercent: 5.1 }],
    ['poor', { jitterMs: 61 }],
    ['poor', { roundTripMs: 801 }],
  ])('is %s for %o', (grade, change) => {
    expect(gradeOf({ ...figures, ...change })).toBe(grade)
  })
})

describe('the sums of a call', () => {
  const figures = { jitterMs: 10, lossPercent: 0, roundTripMs: 40, codec: 'opus' }
  const first = added(null, { ...figures, roundTripMs: null }, { received: 100, lost: 0 }, 1_000)

  it('are means and worsts of all looks, and the counters of the last', () => {
    const second = added(first, { ...figures, jitterMs: 30 }, { received: 200, lost: 3 }, 3_000)
    expect(summed(added(second, figures, { received: 300, lost: 4 }, 5_000), 'part-1', 6_400)).toEqual({
      part: 'part-1',
      codec: 'opus',
      seconds: 5,
      received: 300,
      lost: 4,
      jitter_ms: 50 / 3,
      jitter_most_ms: 30,
      round_trip_ms: 40,
      round_trip_most_ms: 40,
    })
  })

  it('have no round trip while the other side has not reported', () => {
    expect(summed(first, 'part-1', 1_000)).toMatchObject({ round_trip_ms: null, round_trip_most_ms: null, seconds: 0 })
  })
})
