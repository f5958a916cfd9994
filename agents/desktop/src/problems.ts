/** What people are told of a refusal: the server's words, and ours where it was not asked. */
import { Refusal } from './api'

/** There is no call to do it with: seen here, without asking. */
export const NO_CALL = 'no_call'

export function spokenOf(error: unknown, t: (key: string) => string): string {
  if (!(error instanceof Refusal)) return t('problem.unknown')
  if (error.code === NO_CALL) return t('problem.noCall')
  if (error.status === 0) return t('problem.offline')
  return error.message || t('problem.unknown')
}
