/** Time as the desk writes it. */
import { onUnmounted, readonly, ref, type Ref } from 'vue'

const SECOND_MS = 1_000
const DAY_MS = 86_400_000

/** Write a span as `m:ss`, or `h:mm:ss` from an hour on. */
export function span(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / SECOND_MS))
  const two = (value: number): string => String(value).padStart(2, '0')
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`
}

/** The day so many days ago, where the hotline is, as 2026-11-22. */
export function daysBack(days: number, now = Date.now()): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Shanghai' }).format(now - days * DAY_MS)
}

/** The present, once a second, for as long as the component lives. */
export function useNow(): Readonly<Ref<number>> {
  const now = ref(Date.now())
  const timer = setInterval(() => { now.value = Date.now() }, SECOND_MS)
  onUnmounted(() => { clearInterval(timer) })
  return readonly(now)
}
