import { afterEach, expect, it, vi } from 'vitest'

import { copied } from '../src/clipboard'

afterEach(() => { vi.unstubAllGlobals() })

function browser(clipboard: { writeText: (text: string) => Promise<void> } | undefined, command: () => boolean): { marked: string[] } {
  const seen = { marked: [] as string[] }
  vi.stubGlobal('navigator', { clipboard })
  Object.assign(document, {
    execCommand: () => {
      seen.marked.push(document.querySelector('textarea')?.value ?? '')
      return command()
    },
  })
  return seen
}

it('a page over plain HTTP, which has no clipboard, copies what it marks', async () => {
  const seen = browser(undefined, () => true)
  expect(await copied('来电1')).toBe(true)
  expect(seen.marked).toEqual(['来电1'])
  expect(document.querySelector('textarea')).toBeNull()
})

it('what could not be copied is not said to be', async () => {
  browser({ writeText: () => Promise.reject(new Error('denied')) }, () => false)
  expect(await copied('来电1')).toBe(false)
  browser(undefined, () => { throw new Error('unknown') })
  expect(await copied('来电1')).toBe(false)
})

it('a clipboard that there is is used', async () => {
  const texts: string[] = []
  const seen = browser({ writeText: (text) => { texts.push(text); return Promise.resolve() } }, () => true)
  expect(await copied('来电1')).toBe(true)
  expect([texts, seen.marked]).toEqual([['来电1'], []])
})
