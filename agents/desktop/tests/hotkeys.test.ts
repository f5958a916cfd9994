import { describe, expect, it, vi } from 'vitest'

import { pressed, type Telephone } from '../src/hotkeys'

function telephone(phase: 'idle' | 'ringing' | 'talking', here = true): Telephone {
  return {
    here: () => here,
    ringing: () => phase === 'ringing',
    talking: () => phase === 'talking',
    busy: () => phase !== 'idle',
    answer: vi.fn(),
    end: vi.fn(),
    hold: vi.fn(),
    mute: vi.fn(),
    transfer: vi.fn(),
    help: vi.fn(),
    work: vi.fn(),
  }
}

describe('a key', () => {
  it.each([
    ['F2', 'ringing', 'answer'],
    ['F4', 'ringing', 'end'],
    ['F4', 'talking', 'end'],
    ['F8', 'talking', 'hold'],
    ['F9', 'talking', 'mute'],
    ['F7', 'talking', 'transfer'],
    ['F1', 'talking', 'help'],
    ['F1', 'idle', 'help'],
    ['F10', 'idle', 'work'],
    ['F10', 'talking', 'work'],
  ] as const)('%s while %s does %s', (key, phase, act) => {
    const phone = telephone(phase)
    expect(pressed(key, phone)).toBe(true)
    expect(phone[act]).toHaveBeenCalledOnce()
  })

  it.each([
    ['F2', 'talking'],
    ['F2', 'idle'],
    ['F4', 'idle'],
    ['F8', 'ringing'],
    ['F9', 'idle'],
    ['F7', 'ringing'],
    ['a', 'talking'],
  ] as const)('%s while %s is left to the browser', (key, phase) => {
    expect(pressed(key, telephone(phase))).toBe(false)
  })

  it.each(['F2', 'F4', 'F8', 'F9'])('%s does nothing to a telephone on the desk', (key) => {
    for (const phase of ['ringing', 'talking'] as const) expect(pressed(key, telephone(phase, false))).toBe(false)
  })

  it('hands a caller over whatever he is spoken with', () => {
    expect(pressed('F7', telephone('talking', false))).toBe(true)
  })
})
