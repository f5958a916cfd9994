import { describe, expect, it } from 'vitest'

import { fileOf, isGoingOn, isWhole, linesOf, moved, pageOf, percentOf, runToTell, type Bulletin, type Editorial, type Run } from '../src/stores/bulletins'

const RUN: Run = {
  run_id: 1, act: 'compile', scheme: 'national-2016', first: '2016-10', last: '2016-10', state: 'running', step: 5, steps: 7,
  doing: 'docx', why: '', asked_by: 's1', asked_at: '', ended_at: null, bulletin_id: null, missing: [], partial: [],
}

const EDITORIAL: Editorial = {
  title: '12320工作简报', issue: 113, total_issue: 113, dated: '2016-11-10', publishers: ['甲'], copies: 0, reported_to: '', sent_to: '',
  contact: [], column: [{ name: '', statistics: true, article: [] }],
}

const BULLETIN: Bulletin = {
  bulletin_id: 7, scheme: 'national-2016', first: '2016-10', last: '2016-10', edition: 1, issue: 113, state: 'draft', watermark: '草稿 1',
  compiled: true, changed_by: 's1', changed_at: '', published_at: null, return_reason: '',
}

describe('a run', () => {
  it.each([
    ['waiting', 0, 0, 0, true],
    ['running', 1, 7, 0, true],
    ['running', 5, 7, 57, true],
    ['done', 7, 7, 100, false],
    ['failed', 3, 7, 28, false],
    ['lost', 3, 7, 28, false],
  ] as const)('%s at step %i of %i is %i percent done', (state, step, steps, percent, going) => {
    const run = { ...RUN, state, step, steps }
    expect(percentOf(run)).toBe(percent)
    expect(isGoingOn(run)).toBe(going)
  })
})

it('whoever comes in is told what is under way, or what came to nothing', () => {
  const lost: Run = { ...RUN, run_id: 2, state: 'lost' }
  const done: Run = { ...RUN, run_id: 3, state: 'done' }
  expect(runToTell([lost, RUN, done])).toBe(RUN)
  expect(runToTell([lost, done])).toBe(lost)
  expect(runToTell([done, lost])).toBeUndefined()
  expect(runToTell([])).toBeUndefined()
})

describe('a text', () => {
  const withArticle = (text: string): Editorial => ({
    ...EDITORIAL, column: [...EDITORIAL.column, { name: '甲', statistics: false, article: [{ title: '', text, source: '', statement: [] }] }],
  })

  const CASES: [string, Editorial, boolean][] = [
    ['is whole', EDITORIAL, true],
    ['needs a head', { ...EDITORIAL, title: ' ' }, false],
    ['needs somebody who publishes it', { ...EDITORIAL, publishers: [] }, false],
    ['needs a number', { ...EDITORIAL, issue: 0 }, false],
    ['needs a day', { ...EDITORIAL, dated: '' }, false],
    ['has no empty article', withArticle(' '), false],
    ['has articles that say something', withArticle('一段'), true],
  ]

  it.each(CASES)('%s', (_, editorial, isSaveable) => {
    expect(isWhole(editorial)).toBe(isSaveable)
  })

  it('has columns that move by a place, and not over the edge', () => {
    expect(moved(['a', 'b', 'c'], 1, 1)).toEqual(['a', 'c', 'b'])
    expect(moved(['a', 'b', 'c'], 1, -1)).toEqual(['b', 'a', 'c'])
    expect(moved(['a', 'b'], 0, -1)).toEqual(['a', 'b'])
  })

  it('has publishers by line', () => {
    expect(linesOf('甲\n\n 乙 ')).toEqual(['甲', '乙'])
  })
})

it('an issue is taken out by form, and looked at anew once it was compiled anew', () => {
  expect(fileOf(BULLETIN, 'docx')).toBe('/api/v1/bulletins/7/files/docx')
  expect(pageOf(BULLETIN, 1)).not.toBe(pageOf({ ...BULLETIN, watermark: '草稿 2' }, 1))
})
