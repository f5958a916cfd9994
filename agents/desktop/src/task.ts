/** Something that is asked for and may fail; asked for again, what came before is of no interest. */
import { ref, shallowRef, type Ref, type ShallowRef } from 'vue'

/** The server gives up sooner, and says so; this ends what nobody answers. */
const LONGEST_MS = 60_000

export interface Task {
  isBusy: Ref<boolean>
  problem: ShallowRef<unknown>
  run: (ask: (signal: AbortSignal) => Promise<void>) => Promise<void>
  stop: () => void
}

export function task(): Task {
  const isBusy = ref(false)
  const problem = shallowRef<unknown>(null)
  let running: AbortController | null = null

  async function run(ask: (signal: AbortSignal) => Promise<void>): Promise<void> {
    stop()
    const mine = new AbortController()
    running = mine
    isBusy.value = true
    problem.value = null
    try {
      await ask(mine.signal)
    } catch (error) {
      if (running === mine) problem.value = error
    } finally {
      if (running === mine) stop()
    }
  }

  function stop(): void {
    running?.abort()
    running = null
    isBusy.value = false
  }

  return { isBusy, problem, run, stop }
}

/** The signal for one question of a task: aborted with it, or when it takes too long. */
export function within(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(LONGEST_MS)])
}
