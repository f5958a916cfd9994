import { expect, it } from 'vitest'

import { linesOf } from '../src/steps'

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
