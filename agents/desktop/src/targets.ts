/** Whom a caller can be handed to, in the order in which they are offered. Pure. */
import type { Schemas } from './api'

export interface Choice {
  id: string
  name: string
  /** Of a line its kind; of a colleague what he does now. */
  kind: string
  isColleague: boolean
  /** A colleague who talks or is away is shown, but not picked. */
  isFree: boolean
}

/** Who is in danger cannot wait for a list to be read. */
const ORDER = ['emergency', 'psych', 'colleague', 'expert', 'hotline']
const FREE = new Set(['ready', 'paused'])

const place = (one: Choice): number => ORDER.indexOf(one.isColleague ? 'colleague' : one.kind)

export function choices({ targets, colleagues }: Pick<Schemas['TransferTargets'], 'targets' | 'colleagues'>): Choice[] {
  const lines = targets.map(({ id, name, kind }): Choice => ({ id, name, kind, isColleague: false, isFree: true }))
  const people = colleagues.map((one): Choice => ({
    id: one.id,
    name: `${one.name} ${one.person}`,
    kind: one.activity,
    isColleague: true,
    isFree: FREE.has(one.activity),
  }))
  return [...lines, ...people].sort((one, other) => place(one) - place(other) || Number(other.isFree) - Number(one.isFree))
}

/** Those whose name holds what was typed. */
export function matching(all: readonly Choice[], words: string): Choice[] {
  const wanted = words.toLowerCase()
  return all.filter((one) => one.name.toLowerCase().includes(wanted))
}
