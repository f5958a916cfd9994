import { describe, expect, it } from 'vitest'

import { differences, isWhole, linesOf, merged, moved, type Editorial } from '../src/editorial'

const EDITORIAL: Editorial = {
  title: '12320工作简报', issue: 113, total_issue: 113, dated: '2016-11-10', publishers: ['甲'], copies: 0, reported_to: '', sent_to: '',
  contact: [], column: [{ name: '', statistics: true, article: [] }, { name: '交流', statistics: false, article: [] }],
}
const article = (text: string): Editorial['column'][number]['article'][number] => ({ title: '', text, source: '', statement: [] })
const withArticle = (text: string): Editorial => ({
  ...EDITORIAL, column: [{ name: '', statistics: true, article: [] }, { name: '交流', statistics: false, article: [article(text)] }],
})

describe('a text', () => {
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

describe('two texts', () => {
  it('differ place by place, with both words', () => {
    const typed = { ...withArticle('我的一段'), sent_to: '各单位' }
    expect(differences(EDITORIAL, EDITORIAL)).toEqual([])
    expect(differences(EDITORIAL, typed)).toEqual([
      { place: { field: 'sent_to' }, saved: '', typed: '各单位' },
      { place: { column: 1, name: '交流' }, saved: '', typed: '我的一段' },
    ])
  })

  it('differ as a whole where their columns are not the same', () => {
    const typed = { ...EDITORIAL, column: [...EDITORIAL.column, { name: '新栏', statistics: false, article: [article('一段')] }] }
    expect(differences(EDITORIAL, typed)).toEqual([{ place: { columns: true }, saved: '【】\n\n【交流】', typed: '【】\n\n【交流】\n\n【新栏】\n一段' }])
  })

  it('are put together: what was typed stays, elsewhere stands what another has saved', () => {
    const theirs = { ...withArticle('他的一段'), sent_to: '他写的', copies: 300 }
    const mine = { ...EDITORIAL, sent_to: '我写的', issue: 114 }
    expect(merged(EDITORIAL, theirs, mine)).toEqual({ ...theirs, sent_to: '我写的', issue: 114 })
    const more = { ...EDITORIAL, column: [...EDITORIAL.column, { name: '新栏', statistics: false, article: [] }] }
    expect(merged(EDITORIAL, more, mine).column).toEqual(more.column)
    expect(merged(EDITORIAL, theirs, more).column).toEqual(more.column)
  })
})
