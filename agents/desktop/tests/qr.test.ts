import { mount } from '@vue/test-utils'
import decodeQR from 'qr/decode.js'
import { expect, it } from 'vitest'

import QrCode from '../src/parts/QrCode.vue'

const SCALE = 4

/** Draw the component's squares, as a camera would see them. */
function picture(path: string, side: number): { width: number; height: number; data: Uint8Array } {
  const width = side * SCALE
  const data = new Uint8Array(width * width * 4).fill(255)
  for (const [, x = '', y = ''] of path.matchAll(/M(\d+) (\d+)h1v1h-1z/g)) {
    for (let dy = 0; dy < SCALE; dy++) {
      const begin = ((Number(y) * SCALE + dy) * width + Number(x) * SCALE) * 4
      for (let at = begin; at < begin + SCALE * 4; at += 4) data.fill(0, at, at + 3)
    }
  }
  return { width, height: width, data }
}

it('a camera reads from the picture what was to be said', () => {
  const text = 'otpauth://totp/12320:s1?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=12320'
  const drawn = mount(QrCode, { props: { text, label: '二维码' } })
  const side = Number(drawn.attributes('viewBox')?.split(' ')[2])
  expect(decodeQR(picture(drawn.get('path').attributes('d') ?? '', side))).toBe(text)
  expect(drawn.attributes('aria-label')).toBe('二维码')
})
