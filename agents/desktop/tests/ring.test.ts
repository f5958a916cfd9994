import { afterEach, beforeEach, expect, it, vi } from 'vitest'

import { Bell } from '../src/ring'

/** A loudspeaker that remembers what it was asked for. */
class FakeContext {
  static made: FakeContext[] = []
  static refuses = false
  currentTime = 0
  destination = {}
  device: string | null = null
  struck = 0
  closed = false

  constructor() { FakeContext.made.push(this) }

  setSinkId(device: string): Promise<void> {
    if (FakeContext.refuses) return Promise.reject(new DOMException('gone', 'NotFoundError'))
    this.device = device
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.closed = true
    return Promise.resolve()
  }

  createGain(): object {
    return { gain: { setValueAtTime: vi.fn(), exponentialRampToValueAtTime: vi.fn() }, connect: vi.fn() }
  }

  createOscillator(): object {
    return { frequency: { value: 0 }, connect: vi.fn(), start: () => { this.struck += 1 }, stop: vi.fn() }
  }
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('AudioContext', FakeContext)
  FakeContext.made = []
  FakeContext.refuses = false
})
afterEach(() => { vi.useRealTimers() })

it('the bell rings on the loudspeaker that was chosen for it, again and again until it is stopped', async () => {
  const bell = new Bell()
  await bell.ring('loudspeaker')
  const [context] = FakeContext.made
  expect(context?.device).toBe('loudspeaker')
  const once = context?.struck ?? 0
  expect(once).toBeGreaterThan(0)
  vi.advanceTimersByTime(7_000)
  expect(context?.struck).toBe(3 * once)
  bell.stop()
  expect(context?.closed).toBe(true)
  vi.advanceTimersByTime(7_000)
  expect(context?.struck).toBe(3 * once)
})

it('without a choice it rings where everything plays', async () => {
  await new Bell().ring('')
  expect(FakeContext.made[0]?.device).toBeNull()
  expect(FakeContext.made[0]?.struck).toBeGreaterThan(0)
})

it('it rings all the same when the chosen loudspeaker is gone', async () => {
  FakeContext.refuses = true
  await new Bell().ring('unplugged')
  expect(FakeContext.made[0]?.struck).toBeGreaterThan(0)
})

it('a bell that is stopped while its loudspeaker is being opened stays silent', async () => {
  const bell = new Bell()
  const ringing = bell.ring('loudspeaker')
  bell.stop()
  await ringing
  vi.advanceTimersByTime(7_000)
  expect(FakeContext.made[0]?.struck).toBe(0)
})
