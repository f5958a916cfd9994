/** An article of the knowledge base, as it is typed. Pure. */
import type { Schemas } from './api'

export type Text = Schemas['Text']

/** What is being written, of an article that is there or of a new one. */
export interface Writing {
  article: number | null
  slug: string
  title: string
  answer: string
  body: string
  categories: string[]
  /** One a line. */
  sources: string
  validFrom: string
  validUntil: string
}

const SLUG = /^[a-z0-9][a-z0-9-]{0,79}$/

export function blankArticle(): Writing {
  return { article: null, slug: '', title: '', answer: '', body: '', categories: [], sources: '', validFrom: '', validUntil: '' }
}

export function writingOf(article: number, slug: string, text: Text): Writing {
  return {
    article,
    slug,
    title: text.title,
    answer: text.answer,
    body: text.body,
    categories: [...text.categories],
    sources: text.sources.join('\n'),
    validFrom: text.valid_from ?? '',
    validUntil: text.valid_until ?? '',
  }
}

export function textOf(writing: Writing): Text {
  return {
    title: writing.title.trim(),
    answer: writing.answer.trim(),
    body: writing.body,
    categories: writing.categories,
    sources: writing.sources.split('\n').map((one) => one.trim()).filter(Boolean),
    valid_from: writing.validFrom || null,
    valid_until: writing.validUntil || null,
  }
}

/** Whether it can be sent; the server judges again. */
export function isWritten({ title, answer, slug, article, validFrom, validUntil }: Writing): boolean {
  const isNamed = article !== null || slug === '' || SLUG.test(slug)
  const isForwards = !validFrom || !validUntil || validFrom < validUntil
  return title.trim() !== '' && answer.trim() !== '' && isNamed && isForwards
}

/** The name of an article's file, from the name that a file has; '' when none can be made. */
export function slugOf(file: string): string {
  const bare = file.replace(/\.(md|markdown)$/i, '').toLowerCase()
  const slug = bare.replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 80)
  return SLUG.test(slug) ? slug : ''
}
