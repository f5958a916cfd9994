import { expect, it } from 'vitest'

import { addressesOf, stateOf, wordOf } from '../src/stores/schedules'

it('addresses are told apart by whatever people type between them', () => {
  expect(addressesOf(' a@x.cn，b@x.cn; c@x.cn\nd@x.cn、e@x.cn ,')).toEqual(['a@x.cn', 'b@x.cn', 'c@x.cn', 'd@x.cn', 'e@x.cn'])
  expect(addressesOf('  ')).toEqual([])
})

it('a reason is a word, with or without a code', () => {
  expect(wordOf('refused 550')).toBe('refused')
  expect(wordOf('away')).toBe('away')
})

it('what reached some is not said to have reached nobody', () => {
  expect(stateOf({ state: 'failed', sent: 2 })).toBe('partly')
  expect(stateOf({ state: 'failed', sent: 0 })).toBe('failed')
  expect(stateOf({ state: 'waiting', sent: 2 })).toBe('waiting')
  expect(stateOf({ state: 'sent', sent: 3 })).toBe('sent')
})
