/** Keeps drafts on the server, one after the other: of each call what was typed for that call. */
import { api, asked, isUnanswered, Refusal } from './api'
import type { Content } from './content'

const RETRY_MS = 2_000

/** What became of a draft: there, to be sent again, or refused. */
export type Fate = 'kept' | 'retried' | 'failed'

export class Drafts {
  private queue: Promise<void> = Promise.resolve()
  private readonly versions = new Map<string, number>()
  /** What is to be kept next of a call; whatever was typed before it is in it. */
  private readonly waiting = new Map<string, Content[]>()

  constructor(private readonly told: (call: string, fate: Fate) => void) {}

  /** A draft was read: what is kept next is made from it. True when it is what was kept from here last. */
  read(call: string, version: number): boolean {
    const isOwn = this.versions.get(call) === version
    this.versions.set(call, version)
    return isOwn
  }

  keep(call: string, typed: Content[]): void {
    this.waiting.set(call, typed)
    this.queue = this.queue.then(() => this.send(call))
  }

  /** The form is to be filed: nothing more is kept of it. Wait for this before filing. */
  async drop(call: string): Promise<void> {
    this.waiting.delete(call)
    await this.queue
  }

  /** The form is filed, and its draft gone. */
  forget(call: string): void {
    this.waiting.delete(call)
    this.versions.delete(call)
  }

  private async send(call: string): Promise<void> {
    const requests = this.waiting.get(call)
    if (!requests) return
    const path = { call_id: call }
    try {
      const body = { version: this.versions.get(call) ?? 0, requests }
      const kept = await asked(api.PUT('/api/v1/calls/{call_id}/draft', { params: { path }, body }))
      this.versions.set(call, kept.version)
      if (this.waiting.get(call) === requests) this.waiting.delete(call)
      this.told(call, 'kept')
    } catch (error) {
      // An answer that was lost, or another window: what is typed here now is the newest.
      const moved = error instanceof Refusal && error.code === 'draft_moved'
      if (moved) this.versions.set(call, await newest(call))
      const again = moved || isUnanswered(error)
      this.told(call, again ? 'retried' : 'failed')
      if (again) setTimeout(() => { this.queue = this.queue.then(() => this.send(call)) }, moved ? 0 : RETRY_MS)
      else this.waiting.delete(call)
    }
  }
}

async function newest(call: string): Promise<number> {
  try {
    const form = await asked(api.GET('/api/v1/calls/{call_id}/form', { params: { path: { call_id: call } } }))
    return form.draft?.version ?? 0
  } catch {
    return 0
  }
}
