import { describe, expect, it } from 'vitest'

import { detour, homeOf, mayUse, wantedFirst } from '../src/ways'

const someone = (...permissions: string[]): { limited: boolean; permissions: string[] } => ({ limited: false, permissions })
const AGENT = someone('calls.take', 'live.see')
const ADMINISTRATOR = someone('live.see', 'metrics.see', 'users.manage')
const ANALYST = someone('live.see', 'reports.see')
const EDITOR = someone('articles.read', 'articles.write', 'articles.approve')
const AUDITOR = someone('audit.read')

describe('whoever comes in', () => {
  it.each([
    ['an agent', AGENT, 'desk'],
    ['an administrator', ADMINISTRATOR, 'people'],
    ['an analyst', ANALYST, 'board'],
    ['an editor', EDITOR, 'knowledge'],
    ['an auditor', AUDITOR, 'audit'],
    ['one who has no password yet', { ...ADMINISTRATOR, limited: true }, 'setup'],
  ] as const)('%s begins where he may be', (_, person, home) => {
    expect(homeOf(person)).toBe(home)
    expect(detour(home, person)).toBeNull()
  })

  it('is sent from the sign-in to his own page', () => {
    expect(detour('login', ADMINISTRATOR)).toBe('people')
  })
})

it.each(['desk', 'people', 'board', 'reports', 'audit', 'sound', 'account', 'setup'] as const)('nobody gets “%s” without having signed in', (page) => {
  expect(detour(page, null)).toBe('login')
})

it('nobody gets a page whose data he would be refused', () => {
  expect(detour('desk', ADMINISTRATOR)).toBe('people')
  expect(detour('people', AGENT)).toBe('desk')
  expect(mayUse('board', AUDITOR)).toBe(false)
  expect(mayUse('audit', ADMINISTRATOR)).toBe(false)
  expect(mayUse('reports', AGENT)).toBe(false)
  expect(mayUse('submissions', AGENT)).toBe(false)
  expect(mayUse('bulletins', AGENT)).toBe(false)
  expect(mayUse('knowledge', ANALYST)).toBe(false)
  expect(detour('reports', ANALYST)).toBeNull()
})

it('a limited session has one page, and no other has it', () => {
  expect(detour('account', { ...AGENT, limited: true })).toBe('setup')
  expect(detour('setup', AGENT)).toBe('desk')
})

it('whoever signs in gets to the page that he had wanted', () => {
  expect(wantedFirst('/reports?report=day&first=2026-11-01')).toBe('/reports?report=day&first=2026-11-01')
  for (const none of [undefined, null, ['/reports'], '', '/', '/login', '/login?to=/desk', 'https://elsewhere.example.cn']) {
    expect(wantedFirst(none)).toBeNull()
  }
})
