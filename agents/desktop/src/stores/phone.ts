import { defineStore } from 'pinia'
import { computed, reactive, ref, shallowRef, watch } from 'vue'

import { api, asked, changed as done, Refusal } from '../api'
import { callAt, type Seat } from '../desktelephone'
import type { Figures } from '../quality'
import { Bell } from '../ring'
import {
  Softphone,
  type Call,
  type Ending,
  type LineState,
  type Sound,
} from '../softphone'
import { useEvents } from './events'
import { useCallQuality } from './quality'

export interface Habits extends Sound {
  ringer: string
  autoAnswer: boolean
}

const HABITS: Habits = {
  microphone: '',
  speaker: '',
  ringer: '',
  processing: true,
  autoAnswer: false,
}
/** A headset beeps through before the words begin; whoever answers at once is still startled. */
const AUTO_ANSWER_MS = 800

function kept(): Habits {
  try {
    return { ...HABITS, ...(JSON.parse(localStorage.getItem('sound') ?? '{}') as Partial<Habits>) }
  } catch {
    return { ...HABITS }
  }
}

function tabId(): string {
  const id = sessionStorage.getItem('tab') ?? crypto.randomUUID()
  sessionStorage.setItem('tab', id)
  return id
}

/** The telephone as the desk sees it. */
export const usePhone = defineStore('phone', () => {
  /** `none`: this agent's telephone stands on the desk. */
  const line = ref<LineState | 'none'>('off')
  const call = ref<Call | null>(null)
  const figures = ref<Figures | null>(null)
  const silent = ref(false)
  const lastEnding = ref<{ call: Call; ending: Ending } | null>(null)
  const habits = reactive<Habits>(kept())
  const bell = new Bell()
  const quality = useCallQuality()
  const problem = shallowRef<unknown>(null)
  const onDesk = computed(() => line.value === 'none')
  const events = useEvents()
  let answering: ReturnType<typeof setTimeout> | undefined
  /** A number was asked for, and one's own telephone is about to ring. */
  let expects = false
  /** The call in which it rang. */
  let dialled = ''
  let drops: (() => void)[] = []

  const softphone = new Softphone({
    line: (state) => { line.value = state },
    call: changed,
    ended: (ended, ending) => { lastEnding.value = { call: ended, ending } },
    figures: (measured, tally) => {
      figures.value = measured
      void quality.measured(measured, tally, Date.now())
    },
    silenced: (value) => { silent.value = value },
  }, tabId())

  function changed(next: Call | null): void {
    const ringing = next?.phase === 'ringing' && !next.rejoin
    const rang = call.value?.phase === 'ringing' && call.value.id === next?.id
    call.value = next
    if (!next) {
      figures.value = null
      void quality.ended(Date.now())
    }
    if (ringing && rang) return
    clearTimeout(answering)
    bell.stop()
    if (!ringing) return
    void bell.ring(habits.ringer)
    if (habits.autoAnswer) answering = setTimeout(() => { softphone.answer() }, AUTO_ANSWER_MS)
  }

  /** Register with what the server gives for this session. */
  async function connect(takeOver: boolean): Promise<void> {
    // It comes back by itself; to begin anew would end the call that is on.
    const comes = line.value === 'ready' || line.value === 'connecting' || call.value !== null
    if (comes && !takeOver) return
    line.value = 'connecting'
    try {
      softphone.start(await asked(api.GET('/api/v1/softphone')), takeOver)
    } catch (error) {
      const hasNone = error instanceof Refusal && error.code === 'no_softphone'
      line.value = hasNone ? 'none' : 'refused'
      if (hasNone) await follow()
    }
  }

  /** Know by the switch what a telephone on the desk does. */
  async function follow(): Promise<void> {
    leave()
    drops = [
      events.on('call', (data) => {
        seen({ activity: String(data.activity), callId: String(data.call_id), since: Number(data.since_ms) })
      }),
      events.on('renewed', () => { void look() }),
    ]
    await look()
  }

  async function look(): Promise<void> {
    const own = await asked(api.GET('/api/v1/presence')).catch(() => null)
    if (own) seen({ activity: own.state, callId: own.call_id, since: Date.parse(own.since) })
  }

  function seen(seat: Seat): void {
    if (expects && seat.callId) {
      dialled = seat.callId
      expects = false
    }
    call.value = callAt(seat, seat.callId === dialled)
  }

  function leave(): void {
    for (const drop of drops) drop()
    drops = []
  }

  /** Call a number. A telephone on the desk rings first, to be lifted. */
  async function dial(number: string): Promise<void> {
    problem.value = null
    if (!onDesk.value) {
      softphone.dial(number)
      return
    }
    expects = true
    try {
      const { seconds } = await done(({ header }) =>
        api.POST('/api/v1/calls', { params: { header }, body: { number } }))
      setTimeout(() => { expects = false }, seconds * 1_000)
    } catch (error) {
      expects = false
      problem.value = error
    }
  }

  watch(habits, (chosen) => {
    localStorage.setItem('sound', JSON.stringify(chosen))
    void softphone.use(chosen)
  })
  void softphone.use(habits)

  return {
    line,
    call,
    figures,
    silent,
    lastEnding,
    habits,
    problem,
    onDesk,
    canDial: computed(() => (line.value === 'ready' || onDesk.value) && call.value === null),
    connect,
    stop: () => {
      leave()
      softphone.stop()
    },
    answer: () => { softphone.answer() },
    reject: () => { softphone.reject() },
    dial,
    hangUp: () => { softphone.hangUp() },
    hold: (held: boolean) => { softphone.hold(held) },
    mute: (muted: boolean) => { softphone.mute(muted) },
    press: (key: string) => { softphone.press(key) },
    play: () => softphone.play(),
  }
})
