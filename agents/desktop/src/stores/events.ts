import { defineStore } from 'pinia'

import { api, asked } from '../api'
import { useConnection } from './connection'

export interface Happening {
  id: string
  type: 'board' | 'call' | 'presence' | 'notice' | 'renewed'
  data: Record<string, unknown>
}

type Hear = (data: Record<string, unknown>) => void

const RETRY_MS = [500, 1_000, 2_000, 4_000] as const
const ACTIVE_MS = 60_000
/** Closing code of the server when there is no session any more. */
const SESSION_ENDED = 1008

/** What the server tells as it happens; goes on where it left off after every cut. */
export const useEvents = defineStore('events', () => {
  const connection = useConnection()
  const heard = new Map<Happening['type'], Set<Hear>>()
  let socket: WebSocket | null = null
  let last = ''
  let tries = 0
  let retry: ReturnType<typeof setTimeout> | undefined
  let activeAt = 0

  function on(type: Happening['type'], hear: Hear): () => void {
    const all = heard.get(type) ?? new Set<Hear>()
    heard.set(type, all.add(hear))
    return () => { all.delete(hear) }
  }

  function start(): void {
    if (socket) return
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
    const query = last ? `?after=${encodeURIComponent(last)}` : ''
    socket = new WebSocket(`${scheme}://${location.host}/api/v1/events${query}`)
    socket.onopen = () => {
      tries = 0
      connection.isLive = true
    }
    socket.onmessage = (message: MessageEvent<string>) => { tell(JSON.parse(message.data) as Happening) }
    socket.onclose = ({ code }) => {
      socket = null
      connection.isLive = false
      // The session may have ended: whoever asks is told, and the desk with him.
      if (code === SESSION_ENDED || tries > 0) void asked(api.GET('/api/v1/session')).catch(() => undefined)
      retry = setTimeout(start, RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)])
    }
  }

  function tell(happening: Happening): void {
    last = happening.id
    for (const hear of heard.get(happening.type) ?? []) hear(happening.data)
  }

  function stop(): void {
    clearTimeout(retry)
    if (socket) socket.onclose = null
    socket?.close()
    socket = null
    last = ''
    connection.isLive = null
  }

  /** Somebody sits here: an open page alone does not keep a session. */
  function active(): void {
    if (Date.now() - activeAt < ACTIVE_MS || socket?.readyState !== WebSocket.OPEN) return
    activeAt = Date.now()
    socket.send('{"type":"active"}')
  }
  for (const kind of ['keydown', 'pointerdown'] as const) addEventListener(kind, active, { passive: true })

  return { on, start, stop }
})
