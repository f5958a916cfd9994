/** What people are told of a refusal: the server's words, and ours where it could not speak. */
import { Refusal } from './api'

export function spokenOf(error: unknown, t: (key: string) => string): string {
  if (!(error instanceof Refusal)) return t('problem.unknown')
  if (error.status === 0) return t('problem.offline')
  return error.message || t('problem.unknown')
}
