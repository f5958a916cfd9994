import { expect, it } from 'vitest'

import { daysBack } from '../src/clock'
import { narrowed, totals, wantedOf } from '../src/stores/reports'

const WANTED = { name: 'menu-path', first: '2026-11-01', last: '2026-11-22', queue: '', agent: 'a1001', unit: '' }

it('a report is not narrowed by what it does not know', () => {
  expect(narrowed({ ...WANTED, unit: 'self' }, ['queue', 'agent'])).toEqual(WANTED)
  expect(narrowed({ ...WANTED, unit: 'self' }, ['queue', 'agent', 'unit']).unit).toBe('self')
})

it('every column of figures has its total, and what the row is about has none', () => {
  const table = { title: '', period: '', scope: '', headings: ['日期', '请求', '接通'], rows: [['2026-11-01', 3, 2], ['2026-11-02', 4, 0]], adds_up: true }
  expect(totals(table)).toEqual([7, 2])
})

it('a day begins when it begins at the hotline', () => {
  const lateInGreenwich = Date.UTC(2026, 10, 21, 17)
  expect(daysBack(0, lateInGreenwich)).toBe('2026-11-22')
  expect(daysBack(22, lateInGreenwich)).toBe('2026-10-31')
})

it('an address opens the report of a letter with its own days, and none that there is not', () => {
  const kinds = [{ name: 'day', title: '', headings: [], filters: ['queue'] }]
  const query = { report: 'day', first: '2026-11-01', last: '2026-11-02', queue: 'psych' }
  expect(wantedOf(query, kinds)).toEqual({ name: 'day', first: '2026-11-01', last: '2026-11-02', queue: 'psych', agent: '', unit: '' })
  for (const wrong of [{ report: 'weather' }, { report: undefined }, { first: '' }, { last: ['2026-11-02'] }, { first: '1.11.' }]) {
    expect(wantedOf({ ...query, ...wrong }, kinds)).toBeNull()
  }
})
