import { expect, it } from 'vitest'

import { choices, matching } from '../src/targets'

const LISTED = {
  targets: [
    { id: 'place_010', name: '北京12320', kind: 'hotline' },
    { id: 'rabies', name: '狂犬病专家', kind: 'expert' },
    { id: 'ambulance', name: '120急救', kind: 'emergency' },
  ],
  colleagues: [
    { id: '*a1002', person: 'a1002', name: '李四', activity: 'talking' },
    { id: '*a1003', person: 'a1003', name: '王五', activity: 'ready' },
  ],
} as const

const all = choices({ targets: [...LISTED.targets], colleagues: [...LISTED.colleagues] })

it('who is in danger comes first, free colleagues before busy ones', () => {
  expect(all.map((one) => one.id)).toEqual(['ambulance', '*a1003', '*a1002', 'rabies', 'place_010'])
})

it('a colleague who talks cannot be picked, a line always can', () => {
  expect(all.filter((one) => !one.isFree).map((one) => one.id)).toEqual(['*a1002'])
})

it.each([['20', ['ambulance', 'place_010']], ['A1003', ['*a1003']], ['王', ['*a1003']], ['无', []]])(
  '“%s” finds %j', (words, ids) => {
    const found = matching(all, words).map((one) => one.id)
    expect(found).toEqual(ids)
  },
)
