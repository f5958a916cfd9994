import { expect, it } from 'vitest'

import { addressesOf, wordOf } from '../src/stores/schedules'

it('addresses are told apart by whatever people type between them', () => {
  expect(addressesOf(' a@x.cn，b@x.cn; c@x.cn\nd@x.cn、e@x.cn ,')).toEqual(['a@x.cn', 'b@x.cn', 'c@x.cn', 'd@x.cn', 'e@x.cn'])
  expect(addressesOf('  ')).toEqual([])
})

it('a reason is a word, with or without a code', () => {
  expect(wordOf('refused 550')).toBe('refused')
  expect(wordOf('away')).toBe('away')
})
