/** The way to the server: typed by its own description, every change sent under a key. */
import createClient, { type Middleware } from 'openapi-fetch'

import type { components, paths } from './schema'

export type Schemas = components['schemas']
export type Problem = Schemas['Problem']

/** Said by whatever asks when the session has ended. */
export const sessionEnded = new EventTarget()

const UNAUTHORIZED = 401
const AWAY = 503

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

/**
 * Send a change until it is answered, always under the same key: it happens once even when an
 * answer was lost. The last failure is thrown.
 */
export async function changed<Data>(send: (once: Once) => Promise<Answer<Data>>): Promise<Data> {
  const once = { header: { 'Idempotency-Key': crypto.randomUUID() } }
  for (const pause of RETRY_MS) {
    try {
      return await asked(send(once))
    } catch (error) {
      const passing = error instanceof Refusal && (error.status === 0 || error.status === AWAY)
      if (!passing) throw error
      await new Promise((resume) => setTimeout(resume, pause))
    }
  }
  return asked(send(once))
}
