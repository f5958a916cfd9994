import { expect, it } from 'vitest'

import en from '../src/locales/en.json'
import chinese from '../src/locales/zh-CN.json'

interface Texts { [key: string]: string | Texts }

function flat(texts: Texts, path = ''): Map<string, string> {
  const entries = Object.entries(texts).flatMap(([key, value]): [string, string][] =>
    typeof value === 'string' ? [[path + key, value]] : [...flat(value, `${path}${key}.`)],
  )
  return new Map(entries)
}

const placeholders = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort()

it('both languages say the same things', () => {
  expect([...flat(en).keys()].sort()).toEqual([...flat(chinese).keys()].sort())
})

it('both languages fill in the same values', () => {
  const english = flat(en)
  for (const [key, text] of flat(chinese)) {
    expect(placeholders(english.get(key) ?? ''), key).toEqual(placeholders(text))
  }
})

it('every text that a source asks for by its whole name is there', () => {
  const sources = import.meta.glob<string>('../src/**/*.{vue,ts}', { query: '?raw', import: 'default', eager: true })
  const known = flat(chinese)
  const asked = Object.values(sources).flatMap((source) =>
    [...source.matchAll(/\bt\('([\w.-]+)'/g)].map((found) => found[1] ?? ''),
  )
  expect(asked.length).toBeGreaterThan(30)
  expect(asked.filter((key) => !known.has(key))).toEqual([])
})
