import { expect, it } from 'vitest'

import { isOwn, wordOf, type Notice } from '../src/stores/notices'

const NOTICE: Notice = { key: 1, alarm: 'report_unsent', text: '', by: '', owner: 's1', name: '', at: new Date(0) }

it('whose report it is finds the way to it, and others are told whose it is', () => {
  expect([isOwn(NOTICE, 's1'), wordOf(NOTICE, 's1')]).toEqual([true, 'report_unsent'])
  expect([isOwn(NOTICE, 's2'), wordOf(NOTICE, 's2')]).toEqual([false, 'others.report_unsent'])
})

it('an alarm about no report is nobody\'s own', () => {
  const help = { ...NOTICE, alarm: 'help', owner: '', by: 'a1001' }
  expect([isOwn(help, ''), wordOf(help, '')]).toEqual([false, 'help'])
})
