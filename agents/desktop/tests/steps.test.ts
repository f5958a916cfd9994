import { expect, it } from 'vitest'

import { CUT } from '../src/problems'
import { lastOf, linesOf, type Progress } from '../src/steps'

function streamOf(...pieces: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece)
      controller.close()
    },
  })
}

it('lines are whole wherever their bytes were cut', async () => {
  const whole = new TextEncoder().encode('{"step":1}\n{"title":"按日期"}\n{"last":true}')
  for (let cut = 0; cut <= whole.length; cut += 1) {
    const lines: string[] = []
    for await (const line of linesOf(streamOf(whole.slice(0, cut), whole.slice(cut)))) lines.push(line)
    expect(lines).toEqual(['{"step":1}', '{"title":"按日期"}', '{"last":true}'])
  }
})

it('a stream without a line is no line', async () => {
  const lines: string[] = []
  for await (const line of linesOf(streamOf(new TextEncoder().encode('\n\n')))) lines.push(line)
  expect(lines).toEqual([])
})

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const TABLE = '{"step":0,"steps":0,"table":{"title":"按日期"}}'

it('a report is told by its steps and ends with what came of it', async () => {
  const told: Progress[] = []
  const last = await lastOf(streamOf(bytes(`{"step":0,"steps":2}\n{"step":1,"steps":2}\n${TABLE}\n`)), (how) => { told.push(how) })
  expect(told).toEqual([{ step: 0, steps: 2 }, { step: 1, steps: 2 }])
  expect(last.table?.title).toBe('按日期')
})

it('a line that says why it failed is an error in its words', async () => {
  const stream = streamOf(bytes('{"step":0,"steps":2}\n{"problem":{"code":"failed","message":"系统内部错误"}}\n'))
  await expect(lastOf(stream, () => undefined)).rejects.toMatchObject({ code: 'failed', message: '系统内部错误' })
})

it('a stream that was cut off is an error wherever it was cut', async () => {
  for (const said of ['', '{"step":0,"steps":2}\n', `{"step":0,"steps":2}\n${TABLE.slice(0, -3)}`]) {
    await expect(lastOf(streamOf(bytes(said)), () => undefined)).rejects.toMatchObject({ code: CUT })
  }
})

it('a connection that breaks in the middle is an error', async () => {
  let asked = 0
  const breaking = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (asked++ === 0) controller.enqueue(bytes('{"step":0,"steps":2}\n'))
      else controller.error(new TypeError('network error'))
    },
  })
  await expect(lastOf(breaking, () => undefined)).rejects.toMatchObject({ code: CUT, status: 0 })
})
