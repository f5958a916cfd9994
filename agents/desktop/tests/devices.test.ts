import { expect, it } from 'vitest'

import { levelOf } from '../src/devices'

it.each([
  [0, 0],
  [1e-9, 0],
  [1e-3, 0.5],
  [1, 1],
  [4, 1],
])('power %f fills %f of the meter', (power, part) => {
  expect(levelOf(power)).toBeCloseTo(part, 5)
})
