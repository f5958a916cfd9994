/** A report as it is told line by line: how far it is, and at the end what came of it. */
import { api, Refusal, type Schemas } from './api'
import { CUT } from './problems'

export type ReportLine = Schemas['ReportLine']
const OK = 200

export type Shape = 'table' | 'csv' | 'xlsx'

export interface ReportQuery {
  first: string
  last: string
  queue: string
  agent: string
  unit: string
}

export interface Progress {
  step: number
  steps: number
}

/** Run a report until its last line; whoever aborts the signal cancels it on the server too. */
export async function runBySteps(
  name: string,
  query: ReportQuery & { shape: Shape },
  signal: AbortSignal,
  told: (progress: Progress) => void,
): Promise<ReportLine> {
  const answer = await api
    .GET('/api/v1/reports/{name}/steps', { params: { path: { name }, query }, signal, parseAs: 'stream' })
    .catch(() => { throw new Refusal('offline', 0, '') })
  if (!answer.response.ok || !answer.data) {
    const { code = 'failed', message = '' } = (answer.error ?? {}) as Partial<Schemas['Problem']>
    throw new Refusal(code, answer.response.status, message)
  }
  return lastOf(answer.data, told)
}

/** The line that a report ends with; a stream that ends without one was cut off. */
export async function lastOf(stream: ReadableStream<Uint8Array>, told: (progress: Progress) => void): Promise<ReportLine> {
  const lines = linesOf(stream)
  for (;;) {
    const said = await lines.next().then(({ value, done }) => (done ? null : (JSON.parse(value) as ReportLine))).catch(() => null)
    if (!said) throw new Refusal(CUT, 0, '')
    if (said.problem) throw new Refusal(said.problem.code, OK, said.problem.message)
    if (said.table || said.file) return said
    told({ step: said.step, steps: said.steps })
  }
}

/** Cut a stream of bytes into its lines, wherever the pieces were cut. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = stream.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    rest += decoder.decode(value, { stream: !done })
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    yield* lines.filter((line) => line !== '')
    if (done) break
  }
  if (rest !== '') yield rest
}

/** Hand a file to the browser as a download. */
export function download(file: Schemas['ReportFile']): void {
  const bytes = Uint8Array.from(atob(file.content), (one) => one.charCodeAt(0))
  const address = URL.createObjectURL(new Blob([bytes], { type: file.kind }))
  const link = document.createElement('a')
  link.href = address
  link.download = file.name
  link.click()
  URL.revokeObjectURL(address)
}
