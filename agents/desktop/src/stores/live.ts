import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'


export interface QueueNow {
  name: string
  label: string
  waiting: number
  longest_wait_ms: number
  ready: number
}

export interface SeatsNow {
  activity: string
  label: string
  count: number
}

export interface Picture {
  current: boolean
  queues: QueueNow[]
  agents: SeatsNow[]
}

const RETRY_MS = 3_000

/** Queues and seats as they are now, for as long as somebody looks. */
export const useLive = defineStore('live', () => {
  const picture = shallowRef<Picture | null>(null)
  const seenAt = ref(0)
  let stream: EventSource | null = null
  let retry: ReturnType<typeof setTimeout> | undefined

  function watch(): void {
    if (stream) return
    stream = new EventSource('/api/v1/live')
    stream.onmessage = (event: MessageEvent<string>) => {
      picture.value = JSON.parse(event.data) as Picture
      seenAt.value = Date.now()
    }
    stream.onerror = () => {
      if (stream?.readyState !== EventSource.CLOSED) return
      stop()
      retry = setTimeout(watch, RETRY_MS)
    }
  }

  function stop(): void {
    clearTimeout(retry)
    stream?.close()
    stream = null
  }

  return { picture, seenAt, watch, stop }
})
