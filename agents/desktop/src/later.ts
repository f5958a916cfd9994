/** Puts an act off until nothing has asked for it for a while. */

export interface Later {
  (): void
  /** Do it at once if it was put off. */
  now: () => void
  /** Do not do it. */
  drop: () => void
  isWaiting: () => boolean
}

export function later(milliseconds: number, act: () => void): Later {
  let timer: ReturnType<typeof setTimeout> | undefined
  const drop = (): void => {
    clearTimeout(timer)
    timer = undefined
  }
  const fire = (): void => {
    timer = undefined
    act()
  }
  const put = (): void => {
    clearTimeout(timer)
    timer = setTimeout(fire, milliseconds)
  }
  const now = (): void => {
    if (timer === undefined) return
    drop()
    act()
  }
  return Object.assign(put, { now, drop, isWaiting: () => timer !== undefined })
}
