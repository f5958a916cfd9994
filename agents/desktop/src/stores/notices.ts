import { defineStore } from 'pinia'
import { ref } from 'vue'

import { api, asked, changed } from '../api'
import { useEvents } from './events'
import { useSession } from './session'

export interface Notice {
  key: number
  alarm: string
  text: string
  by: string
  /** Whose report it is about; '' when it is about none. */
  owner: string
  /** As colleagues know him. */
  name: string
  at: Date
}

const MOST = 20
const SHOWN_MS = 4_000

/** What somebody must be told: it stands there until he has put it away. */
export const useNotices = defineStore('notices', () => {
  const all = ref<Notice[]>([])
  /** What became of one's own cry for help; '' once it has been seen. */
  const cried = ref<'' | 'told' | 'failed'>('')
  const events = useEvents()
  const session = useSession()
  let keys = 0

  events.on('notice', ({ alarm, text, by, owner, by_name: name }) => {
    const said = (value: unknown): string => (typeof value === 'string' ? value : '')
    if (said(by) === session.person?.person && said(alarm)) return
    const made = { key: ++keys, alarm: said(alarm), text: said(text), by: said(by), owner: said(owner), name: said(name), at: new Date() }
    all.value = [made, ...all.value].slice(0, MOST)
  })

  function dismiss(key: number): void {
    all.value = all.value.filter((one) => one.key !== key)
  }

  /** Call whoever leads, from the call at this telephone if there is one. */
  async function cry(): Promise<void> {
    try {
      const { call_id } = await asked(api.GET('/api/v1/calls/current'))
      await changed(({ header }) => api.POST('/api/v1/help', { params: { header }, body: { call_id } }))
      cried.value = 'told'
    } catch {
      cried.value = 'failed'
    }
    setTimeout(() => { cried.value = '' }, SHOWN_MS)
  }

  return { all, cried, dismiss, cry }
})

/** Whether it is about somebody's own report. */
export function isOwn(one: Notice, person: string): boolean {
  return one.owner !== '' && one.owner === person
}

/** The word for an alarm: to the owner of a report, or to those who can only tell him. */
export function wordOf(one: Notice, person: string): string {
  return one.owner !== '' && !isOwn(one, person) ? `others.${one.alarm}` : one.alarm
}
