import { flushPromises, mount, type VueWrapper } from '@vue/test-utils'
import { createPinia } from 'pinia'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createI18n } from 'vue-i18n'

import chinese from '../src/locales/zh-CN.json'

type Answer = () => Response | Promise<Response>

const HASH = 'ab'.repeat(32)
const line = (seq: number): object => ({ seq, happened_at: '2026-11-22T10:00:00Z', actor: 'a1001', action: 'surge.on', object: `x:${String(seq)}`, detail: '{}', hash: HASH })
const page = (...seqs: number[]): Answer => () => Response.json({ lines: seqs.map(line), more: (seqs.at(-1) ?? 1) > 1 })
const stretch = (checked: number, lines: number, faults = 0): Answer => () => {
  const breaks = Array.from({ length: Math.min(faults, 20) }, (_, n) => ({ seq: checked - faults + n + 1, happened_at: '', why: 'changed' }))
  return Response.json({ checked, lines, newest_hash: HASH, faults, breaks })
}
const refused = (status: number, message: string): Answer => () => Response.json({ code: 'x', message }, { status })

/** What the server says next to each question; the last for ever. */
let said: Record<string, Answer[]> = {}
const questions: string[] = []
const taken: string[] = []

vi.stubGlobal('fetch', async (request: Request): Promise<Response> => {
  const { pathname, search } = new URL(request.url)
  const asked = pathname.replace('/api/v1/audit', '') || '/'
  questions.push(asked + search)
  const answers = said[asked] ?? []
  return (answers.length > 1 ? answers.shift() : answers[0])?.() ?? Response.json({ actions: [] })
})
vi.spyOn(URL, 'createObjectURL').mockReturnValue('blob:x')
vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
  taken.push(this.download)
})
const { default: AuditPage } = await import('../src/pages/AuditPage.vue')

let shown: VueWrapper

async function opened(): Promise<void> {
  const i18n = createI18n({ legacy: false, locale: 'zh-CN', messages: { 'zh-CN': chinese } })
  shown = mount(AuditPage, { attachTo: document.body, global: { plugins: [createPinia(), i18n] } })
  await flushPromises()
}

function button(name: string): HTMLElement {
  const found = shown.findAll('button').find((one) => one.text() === name)
  if (!found) throw new Error(`no button: ${name}`)
  return found.element
}

async function press(name: string): Promise<void> {
  button(name).focus()
  button(name).click()
  await flushPromises()
}

const rows = (): string[] => shown.findAll('tbody th').map((one) => one.text())
const alerts = (): string[] => shown.findAll('[role=alert]').map((one) => one.text())

beforeEach(() => {
  said = { '/': [page(9, 8)], '/chain': [stretch(9, 9)] }
  questions.length = taken.length = 0
})
afterEach(() => { shown.unmount() })

it.each([[403, '您没有此权限。'], [503, '查询时间过长，已停止；请缩短日期范围。']])('a refusal (%d) is shown, whatever is answered beside it', async (status, words) => {
  said['/'] = [refused(status, words)]
  await opened()
  expect(alerts()).toEqual([words])
})

it('lines that answered another question do not stand for the answer that failed', async () => {
  said['/'] = [page(9, 8), refused(503, '暂时无法处理，请稍后再试。')]
  await opened()
  expect(rows()).toEqual(['9', '8'])
  await shown.get('form').trigger('submit')
  await flushPromises()
  expect(rows()).toEqual([])
  expect(alerts()).toEqual(['暂时无法处理，请稍后再试。'])
})

it('the answer to an earlier question that comes late is dropped', async () => {
  let late: (response: Response) => void = () => undefined
  said['/'] = [() => new Promise((resolve) => { late = resolve }), page(3, 2)]
  await opened()
  await shown.get('form').trigger('submit')
  await flushPromises()
  late(await page(9, 8)())
  await flushPromises()
  expect(rows()).toEqual(['3', '2'])
})

it('the chain is walked along in stretches, and all faults are counted', async () => {
  said['/chain'] = [stretch(50, 120, 15), stretch(100, 120, 16), stretch(121, 121)]
  await opened()
  await press('核验')
  expect(questions.filter((one) => one.startsWith('/chain'))).toEqual(['/chain?after=0', '/chain?after=50', '/chain?after=100'])
  expect(alerts()[0]).toContain('哈希链在 31 处不成立，最前面的 20 处是：')
  expect(shown.findAll('[data-test=chain] li')).toHaveLength(20)
})

it('how far the walk is can be seen, and it ends with whoever leaves', async () => {
  let answer: (response: Response) => void = () => undefined
  said['/chain'] = [stretch(50, 200), () => new Promise((resolve) => { answer = resolve })]
  await opened()
  await press('核验')
  expect(shown.get('[data-test=walking]').text()).toContain('已核验 50 / 200 行')
  shown.unmount()
  answer(await stretch(100, 200)())
  await flushPromises()
  expect(questions.filter((one) => one.startsWith('/chain'))).toHaveLength(2)
})

it('an older result does not stand beside a check that failed, nor for lines that came after it', async () => {
  said['/chain'] = [stretch(9, 9), refused(503, '暂时无法处理，请稍后再试。')]
  said['/'] = [page(9, 8), page(10, 9)]
  await opened()
  await press('核验')
  const told = (): string => shown.get('[data-test=chain]').text()
  expect(told()).toContain('第 1 至 9 行，哈希链完整。')
  expect(told()).not.toContain('不在此次核验之内')
  await shown.get('form').trigger('submit')
  await flushPromises()
  expect(told()).toContain('不在此次核验之内')
  await press('核验')
  expect(told()).toBe('')
  expect(alerts()).toEqual(['暂时无法处理，请稍后再试。'])
})

it('the hands stay where they are while it is asked, and go to the lines when a button goes', async () => {
  let answer: (response: Response) => void = () => undefined
  said['/'] = [page(9, 8), () => new Promise((resolve) => { answer = resolve })]
  said['/chain'] = [() => new Promise(() => undefined)]
  await opened()
  await press('核验')
  expect(document.activeElement).toBe(button('核验'))
  expect(button('核验').hasAttribute('disabled')).toBe(false)
  await press('更早的记录')
  expect(button('更早的记录').hasAttribute('disabled')).toBe(false)
  await press('更早的记录')
  expect(questions.filter((one) => one.includes('before='))).toHaveLength(1)
  answer(await page(2, 1)())
  await flushPromises()
  expect(rows()).toEqual(['9', '8', '2', '1'])
  expect(document.activeElement).toBe(shown.get('.wide').element)
})

it('a file that cannot be taken out is said, and one that can has a name', async () => {
  said['/file'] = [refused(422, '超过 50000 行，请缩小范围。'), () => new Response('序号')]
  await opened()
  await press('下载 CSV')
  expect(alerts()).toEqual(['超过 50000 行，请缩小范围。'])
  expect(taken).toEqual([])
  await press('下载 CSV')
  expect(alerts()).toEqual([])
  expect(taken[0]).toMatch(/^audit-\d{4}-\d\d-\d\d-\d{4}-\d\d-\d\d\.csv$/)
})
