/** The written part of a bulletin: whether it can be saved, and how two versions of it differ. */
import type { Schemas } from './api'

export type Editorial = Schemas['Editorial']
type Column = Editorial['column'][number]

/** A text as it is typed, and the saved version that it began with. */
export interface Typing {
  version: number
  saved: Editorial
  typed: Editorial
}

const FIELDS = ['title', 'issue', 'total_issue', 'dated', 'copies', 'publishers', 'reported_to', 'sent_to', 'contact'] as const
type Field = (typeof FIELDS)[number]

/** Where two texts may differ: a field, one column, or all of them when they are not the same columns. */
export type Place = { field: Field } | { column: number; name: string } | { columns: true }

export interface Difference {
  place: Place
  saved: string
  typed: string
}

export function copied<T>(one: T): T {
  return JSON.parse(JSON.stringify(one)) as T
}

export function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

export function isTyped(text: Typing): boolean {
  return !isSame(text.saved, text.typed)
}

/** Whether the text can be saved: every article says something, and the head is whole. */
export function isWhole(editorial: Editorial): boolean {
  const articles = editorial.column.flatMap((column) => column.article)
  const numbers = [editorial.issue, editorial.total_issue]
  return (
    editorial.title.trim() !== '' &&
    editorial.publishers.length > 0 &&
    /^\d{4}-\d{2}-\d{2}$/.test(editorial.dated) &&
    numbers.every((one) => Number.isInteger(one) && one >= 1) &&
    articles.every((one) => one.text.trim() !== '' || one.statement.length > 0)
  )
}

/** Every place where the typed text is not the saved one, with both. */
export function differences(saved: Editorial, typed: Editorial): Difference[] {
  return placesOf(saved, typed)
    .map((place) => ({ place, saved: textAt(saved, place), typed: textAt(typed, place), isSame: isSame(partAt(saved, place), partAt(typed, place)) }))
    .filter((one) => !one.isSame)
    .map(({ place, saved: before, typed: after }) => ({ place, saved: before, typed: after }))
}

/** What was typed, and at every place that was not typed at, what another has saved. */
export function merged(began: Editorial, saved: Editorial, typed: Editorial): Editorial {
  const next = copied(typed)
  for (const { place } of differences(saved, typed)) {
    if (!isSame(partAt(began, place), partAt(typed, place))) continue
    if ('field' in place) Object.assign(next, { [place.field]: copied(saved[place.field]) })
    else if ('columns' in place) next.column = copied(saved.column)
    else next.column = next.column.map((column, at) => copied(at === place.column ? (saved.column[at] ?? column) : column))
  }
  return next
}

function placesOf(one: Editorial, other: Editorial): Place[] {
  const fields = FIELDS.map((field): Place => ({ field }))
  if (!isSame(one.column.map(headOf), other.column.map(headOf))) return [...fields, { columns: true }]
  return [...fields, ...one.column.map((column, at): Place => ({ column: at, name: column.name }))]
}

function headOf(column: Column): [string, boolean] {
  return [column.name, column.statistics]
}

function partAt(editorial: Editorial, place: Place): unknown {
  if ('field' in place) return editorial[place.field]
  return 'columns' in place ? editorial.column : editorial.column[place.column]
}

function textAt(editorial: Editorial, place: Place): string {
  if ('columns' in place) return editorial.column.map((column) => `【${column.name}】\n${textOf(column)}`.trim()).join('\n\n')
  if ('column' in place) return textOf(editorial.column[place.column])
  if (place.field === 'contact') return editorial.contact.map((line) => `${line.label} ${line.value}`).join('\n')
  if (place.field === 'publishers') return editorial.publishers.join('\n')
  return String(editorial[place.field])
}

function textOf(column?: Column): string {
  return (column?.article ?? []).map((one) => [one.title, one.text, one.source].filter((part) => part !== '').join('\n')).join('\n\n')
}

/** Move one of a list by a place; at the edge nothing moves. */
export function moved<T>(list: readonly T[], at: number, by: -1 | 1): T[] {
  const one = list[at]
  const other = list[at + by]
  if (one === undefined || other === undefined) return [...list]
  const next = [...list]
  next[at] = other
  next[at + by] = one
  return next
}

/** Lines of a text field, as a list without empty ones. */
export function linesOf(text: string): string[] {
  return text.split('\n').map((line) => line.trim()).filter((line) => line !== '')
}
