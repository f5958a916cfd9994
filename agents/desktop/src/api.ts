/** The way to the server: typed by its own description, every change sent under a key. */
import createClient, { type Middleware } from 'openapi-fetch'

import type { components, paths } from './schema'

export type Schemas = components['schemas']
export type Problem = Schemas['Problem']

/** Said by whatever asks when the session has ended. */
export const sessionEnded = new EventTarget()

const UNAUTHORIZED = 401
/** Said by the server or by a proxy before it, when nobody there could answer. */
const AWAY: ReadonlySet<number> = new Set([502, 503, 504])

const watchSession: Middleware = {
  onResponse({ response, schemaPath }) {
    if (response.status === UNAUTHORIZED && schemaPath !== '/api/v1/login') {
      sessionEnded.dispatchEvent(new Event('ended'))
    }
  },
}

export const api = createClient<paths>({ baseUrl: location.origin, credentials: 'same-origin' })
api.use(watchSession)

/** What every change carries; made once for a change, however often it is sent. */
export interface Once {
  header: { 'Idempotency-Key': string }
}

const RETRY_MS = [300, 1_000, 3_000] as const

interface Answer<Data> {
  data?: Data
  error?: unknown
  response: Response
}

/** A refusal or a failure, in the server's words or ours. */
export class Refusal extends Error {
  constructor(
    readonly code: string,
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

/** Ask once; a refusal is thrown. */
export async function asked<Data>(question: Promise<Answer<Data>>): Promise<Data> {
  let answer: Answer<Data>
  try {
    answer = await question
  } catch {
    throw new Refusal('offline', 0, '')
  }
  if (answer.response.ok) return answer.data as Data
  const { code = 'failed', message = '' } = (answer.error ?? {}) as Partial<Problem>
  throw new Refusal(code, answer.response.status, message)
}

/** Whether it may have happened all the same: no answer came, or none of the server's own. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof Refusal && (error.status === 0 || AWAY.has(error.status))
}

/**
 * Send a change until it is answered, always under the same key: it happens once even when an
 * answer was lost. The last failure is thrown; whoever sends it once more gives the same key.
 */
export async function changed<Data>(
  send: (once: Once) => Promise<Answer<Data>>,
  key: string = crypto.randomUUID(),
): Promise<Data> {
  const once = { header: { 'Idempotency-Key': key } }
  for (const pause of RETRY_MS) {
    try {
      return await asked(send(once))
    } catch (error) {
      if (!isUnanswered(error)) throw error
      await new Promise((resume) => setTimeout(resume, pause))
    }
  }
  return asked(send(once))
}
