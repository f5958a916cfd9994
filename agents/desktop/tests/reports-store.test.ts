import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, expect, it, vi } from 'vitest'

const KINDS = { reports: [{ name: 'day', title: '按日期', headings: ['日期'], filters: ['queue'] }], periods: [] }
const TABLE = { title: '按日期', period: '', scope: '', headings: ['日期'], rows: [], adds_up: true }

let known: (answer: Response) => void = () => undefined
vi.stubGlobal('fetch', (request: Request): Promise<Response> => {
  if (request.url.includes('/steps')) return Promise.resolve(new Response(`${JSON.stringify({ table: TABLE })}\n`))
  return new Promise((resolve, reject) => {
    known = resolve
    request.signal.addEventListener('abort', () => { reject(new DOMException('', 'AbortError')) })
  })
})
const { useReports } = await import('../src/stores/reports')

beforeEach(() => { setActivePinia(createPinia()) })

it('a report can be run before it is known which there are, and does not stop that from being read', async () => {
  const reports = useReports()
  const looking = reports.look()
  expect(reports.isRunning).toBe(false)
  await reports.run()
  expect(reports.table).toEqual(TABLE)
  known(Response.json(KINDS))
  await looking
  expect(reports.kinds.map((one) => one.name)).toEqual(['day'])
})
