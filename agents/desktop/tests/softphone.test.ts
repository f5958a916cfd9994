import JsSIP from 'jssip'
import { expect, it } from 'vitest'

import { endingOf } from '../src/softphone'

const { causes } = JsSIP.C

it.each([
  [causes.BYE, 'hung-up'],
  [causes.CANCELED, 'cancelled'],
  [causes.BUSY, 'busy'],
  [causes.REJECTED, 'refused'],
  [causes.NOT_FOUND, 'refused'],
  [causes.NO_ANSWER, 'no-answer'],
  [causes.UNAVAILABLE, 'no-answer'],
  [causes.USER_DENIED_MEDIA_ACCESS, 'no-microphone'],
  [causes.CONNECTION_ERROR, 'lost'],
  [causes.RTP_TIMEOUT, 'lost'],
  [causes.WEBRTC_ERROR, 'lost'],
])('JsSIP’s “%s” is %s', (cause, ending) => {
  expect(endingOf(cause)).toBe(ending)
})
