import { describe, expect, it } from 'vitest'

import { blankArticle, isWritten, slugOf, textOf, writingOf } from '../src/article'

const TEXT = {
  title: '被狗咬伤后的处置',
  answer: '立即用肥皂水冲洗。',
  body: '',
  categories: ['C02.01.01'],
  sources: ['狂犬病暴露预防处置工作规范（2023年版）', 'WHO'],
  valid_from: '2023-10-01',
  valid_until: null,
}

it('what is opened to be changed and sent unchanged says the same', () => {
  expect(textOf(writingOf(7, 'dog-bite', TEXT))).toEqual(TEXT)
})

it('lines without words are no sources', () => {
  expect(textOf({ ...blankArticle(), sources: ' 一 \n\n 二' }).sources).toEqual(['一', '二'])
})

describe('an article can be sent', () => {
  const whole = writingOf(7, '', TEXT)
  it.each([
    [true, {}],
    [false, { title: ' ' }],
    [false, { answer: '' }],
    [false, { validUntil: '2023-10-01' }],
    [true, { article: null, slug: 'dog-bite' }],
    [true, { article: null, slug: '' }],
    [false, { article: null, slug: '狗' }],
  ])('%s with %o', (can, part) => {
    expect(isWritten({ ...whole, ...part })).toBe(can)
  })
})

it.each([
  ['dog-bite.md', 'dog-bite'],
  ['Dog Bite 2023.Markdown', 'dog-bite-2023'],
  ['被狗咬伤.md', ''],
  ['-a-.md', 'a'],
])('the file %s brings the article %s', (file, slug) => {
  expect(slugOf(file)).toBe(slug)
})
