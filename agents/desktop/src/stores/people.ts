import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'

import { api, asked, changed, type Schemas } from '../api'

export type User = Schemas['User']
export type Role = Schemas['Role']

/** Everybody who may sign in, for those who make them. */
export const usePeople = defineStore('people', () => {
  const users = shallowRef<User[]>([])
  const roles = shallowRef<Schemas['RoleGrants'][]>([])
  const link = shallowRef<{ person: string; link: string; minutes: number } | null>(null)
  const problem = shallowRef<unknown>(null)
  const isBusy = ref(false)

  async function look(): Promise<void> {
    await attempt(async () => {
      roles.value = (await asked(api.GET('/api/v1/roles'))).roles
      users.value = (await asked(api.GET('/api/v1/users'))).users
    })
  }

  /** Do something, and show everybody as they are after it; true when it was done. */
  async function attempt(act: () => Promise<void>): Promise<boolean> {
    isBusy.value = true
    problem.value = null
    try {
      await act()
      return true
    } catch (error) {
      problem.value = error
      return false
    } finally {
      isBusy.value = false
    }
  }

  async function make(user: Schemas['NewUser']): Promise<boolean> {
    const made = await attempt(async () => {
      await changed(({ header }) => api.POST('/api/v1/users', { params: { header }, body: user }))
    })
    if (made) await invite(user.person)
    return made
  }

  /** What is not named stays as it is. */
  async function change(person: string, part: Partial<Schemas['UserChange']>): Promise<void> {
    const body = { name: null, role: null, active: null, ...part }
    await attempt(async () => {
      await changed(({ header }) => api.PATCH('/api/v1/users/{person}', { params: { header, path: { person } }, body }))
    })
    await relook()
  }

  /** Make a link with which somebody chooses his password, for the first time or anew. */
  async function invite(person: string): Promise<void> {
    await attempt(async () => {
      const made = await changed(({ header }) => api.POST('/api/v1/users/{person}/link', { params: { header, path: { person } } }))
      link.value = { person, link: made.link, minutes: Math.round(made.valid_seconds / 60) }
    })
    await relook()
  }

  async function dropFactor(person: string): Promise<void> {
    await attempt(async () => {
      await changed(({ header }) => api.DELETE('/api/v1/users/{person}/second-factor', { params: { header, path: { person } } }))
    })
    await relook()
  }

  async function relook(): Promise<void> {
    const failed = problem.value
    await look()
    problem.value ??= failed
  }

  return { users, roles, link, problem, isBusy, look, make, change, invite, dropFactor }
})
