/** The bell: two soft tones, made here, so that no file must be loaded when it matters. */

const TONES = [480, 620] as const
const LOUD = 0.12
const RING_SECONDS = 1
const CADENCE_MS = 3_000

/** Chromium can ring on a device of its own; others ring where everything plays. */
type Selectable = AudioContext & { setSinkId?: (device: string) => Promise<void> }

export class Bell {
  private context: Selectable | null = null
  private timer: ReturnType<typeof setInterval> | undefined

  /** Ring on `device`, empty for the usual one, until `stop`. */
  async ring(device: string): Promise<void> {
    this.stop()
    const context: Selectable = new AudioContext()
    this.context = context
    // A device that is gone: rather in the headset than nowhere.
    if (device) await context.setSinkId?.(device).catch(() => undefined)
    if (this.context !== context) return
    this.strike(context)
    this.timer = setInterval(() => { this.strike(context) }, CADENCE_MS)
  }

  stop(): void {
    clearInterval(this.timer)
    void this.context?.close()
    this.context = null
  }

  private strike(context: AudioContext): void {
    const gain = context.createGain()
    gain.gain.setValueAtTime(LOUD, context.currentTime)
    gain.gain.exponentialRampToValueAtTime(0.001, context.currentTime + RING_SECONDS)
    gain.connect(context.destination)
    for (const tone of TONES) {
      const source = context.createOscillator()
      source.frequency.value = tone
      source.connect(gain)
      source.start()
      source.stop(context.currentTime + RING_SECONDS)
    }
  }
}
