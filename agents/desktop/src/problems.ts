/** What people are told of a refusal: the server's words, and ours where it was not asked. */
import { Refusal } from './api'

/** There is no call to do it with: seen here, without asking. */
export const NO_CALL = 'no_call'

/** What was being told ended in the middle. */
export const CUT = 'cut'

export function spokenOf(error: unknown, t: (key: string) => string): string {
  if (!(error instanceof Refusal)) return t('problem.unknown')
  if (error.code === NO_CALL) return t('problem.noCall')
  if (error.code === CUT) return t('problem.cut')
  if (error.status === 0) return t('problem.offline')
  return error.message || t('problem.unknown')
}
