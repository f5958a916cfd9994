/** Which page somebody may use, and where he is sent instead. Pure. */
import type { Schemas } from './api'

export type Page = 'login' | 'setup' | 'desk' | 'people' | 'knowledge' | 'board' | 'reports' | 'submissions' | 'bulletins' | 'audit' | 'sound' | 'account'
type Person = Pick<Schemas['Session'], 'limited' | 'permissions'>

/** The permission that a page's data need; the rest is for everybody who is signed in. */
const NEEDS: Partial<Record<Page, string>> = {
  desk: 'calls.take',
  people: 'users.manage',
  knowledge: 'articles.read',
  board: 'live.see',
  reports: 'reports.see',
  submissions: 'submissions.work',
  bulletins: 'bulletins.work',
  audit: 'audit.read',
  sound: 'calls.take',
}
/** The first of these that somebody may use is where he begins. */
const HOMES: readonly Page[] = ['desk', 'people', 'board', 'knowledge', 'audit', 'account']

export function mayUse(page: Page, person: Person): boolean {
  const needed = NEEDS[page]
  return needed === undefined || person.permissions.includes(needed)
}

export function homeOf(person: Person): Page {
  if (person.limited) return 'setup'
  return HOMES.find((page) => mayUse(page, person)) ?? 'account'
}

/** Where whoever asks for a page is sent instead; null: he gets it. */
export function detour(page: Page, person: Person | null): Page | null {
  if (!person) return page === 'login' ? null : 'login'
  const fits = page !== 'login' && (page === 'setup') === person.limited && mayUse(page, person)
  return fits ? null : homeOf(person)
}

/** The page of this desktop that somebody wanted before he had to sign in; null: none that he named. */
export function wantedFirst(to: unknown): string | null {
  return typeof to === 'string' && to.startsWith('/') && !['/', '/login'].includes(to.split('?')[0] ?? '') ? to : null
}
