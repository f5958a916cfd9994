import { expect, it } from 'vitest'

import { base64Of, formOf, monthBefore, wordOf, type Standing } from '../src/stores/submissions'

it('the month that is asked for first is the one that is over', () => {
  expect(monthBefore('2026-11-22')).toBe('2026-10')
  expect(monthBefore('2027-01-05')).toBe('2026-12')
})

it('a file of any size arrives as it was', () => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, at) => (at * 31) % 256)
  expect(Uint8Array.from(atob(base64Of(bytes)), (one) => one.charCodeAt(0))).toEqual(bytes)
  expect(base64Of(new Uint8Array())).toBe('')
})

it('a form is that of a unit, a month and an edition', () => {
  expect(formOf('jiangsu', { month: '2016-10', edition: '12320-2016' })).toBe('/api/v1/units/jiangsu/months/2016-10/form?edition=12320-2016')
})

const MISSING: Standing = {
  unit: 'jiangsu', name: '江苏省', standing: 'missing', version: null, accepted: false,
  returned: false, late: false, counted_here: false, total: 0, reason: '',
}

it.each([
  ['missing', {}],
  ['waiting', { version: 1 }],
  ['returned', { version: 1, returned: true }],
  ['partial', { version: 2, standing: 'partial', accepted: true }],
  ['complete', { version: 2, standing: 'complete', accepted: true }],
  ['counted', { standing: 'complete', counted_here: true }],
] as const)('a month stands as %s', (word, part) => {
  expect(wordOf({ ...MISSING, ...part })).toBe(word)
})
