import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'

import { api, asked, changed, Refusal, sessionEnded, type Schemas } from '../api'

export type Person = Schemas['Session']

export interface Entry {
  person: string
  password: string
  code: string
  takeOver: boolean
}

/** Who sits here. */
export const useSession = defineStore('session', () => {
  const person = shallowRef<Person | null>(null)
  const isAsked = ref(false)
  /** Whether a session that was open here has ended without being left. */
  const wasEnded = ref(false)
  /** Whether somebody has just chosen what he signs in with. */
  const wasSetUp = ref(false)
  /** By a one-time link: whoever forgot his password chooses another. */
  const cameByLink = ref(false)

  sessionEnded.addEventListener('ended', () => {
    wasEnded.value = person.value !== null
    person.value = null
  })

  async function ask(): Promise<void> {
    try {
      person.value = await asked(api.GET('/api/v1/session'))
      isAsked.value = true
    } catch (error) {
      person.value = null
      isAsked.value = error instanceof Refusal && error.status !== 0
    }
  }

  /** Come in; a refusal is thrown. */
  async function enter({ person: id, password, code, takeOver }: Entry): Promise<void> {
    const body = { person: id, password, take_over: takeOver, ...(code ? { code } : {}) }
    await asked(api.POST('/api/v1/login', { body: body as Schemas['Login'] }))
    wasEnded.value = wasSetUp.value = cameByLink.value = false
    await ask()
  }

  /** Come in by the secret of a one-time link; a refusal is thrown. */
  async function enterByLink(secret: string): Promise<void> {
    await asked(fetch('/enter', { method: 'POST', body: secret }).then(plain))
    wasEnded.value = wasSetUp.value = false
    cameByLink.value = true
    await ask()
  }

  async function leave(): Promise<void> {
    await asked(api.DELETE('/api/v1/session'))
    person.value = null
  }

  async function choosePassword(password: string, current: string): Promise<void> {
    const body = { password, ...(current ? { current } : {}) } as Schemas['NewPassword']
    await changed((params) => api.PUT('/api/v1/session/password', { params, body }))
    await ask()
  }

  async function offerFactor(): Promise<Schemas['Factor']> {
    return asked(api.POST('/api/v1/session/second-factor'))
  }

  /** Put the second factor in force; the server then ends a limited session. */
  async function takeFactor(code: string): Promise<void> {
    await changed((params) => api.PUT('/api/v1/session/second-factor', { params, body: { code } }))
    if (!person.value?.limited) await ask()
  }

  /** What was needed is set up: from here on one signs in with it. */
  async function finishSetup(): Promise<void> {
    await leave()
    wasSetUp.value = true
  }

  return {
    person,
    isAsked,
    wasEnded,
    wasSetUp,
    cameByLink,
    offerFactor,
    takeFactor,
    finishSetup,
    may: computed(() => new Set(person.value?.permissions ?? [])),
    ask,
    enter,
    enterByLink,
    leave,
    choosePassword,
  }
})

async function plain(response: Response): Promise<{ response: Response; error?: unknown }> {
  return response.ok ? { response } : { response, error: await response.json().catch(() => ({})) as unknown }
}
