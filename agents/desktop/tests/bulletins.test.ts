import { describe, expect, it } from 'vitest'

import { fileOf, isGoingOn, pageOf, percentOf, runToTell, type Bulletin, type Run, type Shown } from '../src/stores/bulletins'

const RUN: Run = {
  run_id: 1, act: 'compile', scheme: 'national-2016', first: '2016-10', last: '2016-10', state: 'running', step: 5, steps: 7,
  doing: 'docx', why: '', asked_by: 's1', asked_at: '', ended_at: null, bulletin_id: null, missing: [], partial: [],
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

it('an issue is taken out by form, and looked at anew once it was compiled anew', () => {
  expect(fileOf(BULLETIN, 'docx')).toBe('/api/v1/bulletins/7/files/docx')
  const shown = { bulletin: BULLETIN, page: 'aa' } as Shown
  expect(pageOf(shown)).toBe('/api/v1/bulletins/7/preview?of=aa')
  expect(pageOf({ ...shown, page: 'bb' })).not.toBe(pageOf(shown))
})
