import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, describe, expect, it, vi } from 'vitest'

import { callAt } from '../src/desktelephone'

const CALL = 'n1-17-1763785000.42'

describe('what the switch tells of a telephone on the desk', () => {
  it.each([
    ['ringing', false, 'ringing', 'in'],
    ['ringing', true, 'dialling', 'out'],
    ['talking', false, 'talking', 'in'],
    ['talking', true, 'talking', 'out'],
  ] as const)('%s, dialled %s, is %s', (activity, hasDialled, phase, direction) => {
    expect(callAt({ activity, callId: CALL, since: 5 }, hasDialled)).toMatchObject({ id: CALL, phase, direction })
  })

  it.each(['ready', 'paused', 'offline', 'wrap_up'])('%s is no call', (activity) => {
    expect(callAt({ activity, callId: CALL, since: 5 }, false)).toBeNull()
  })

  it('talks since it was answered, and not since it rang', () => {
    expect(callAt({ activity: 'ringing', callId: CALL, since: 5 }, false)?.since).toBeNull()
    expect(callAt({ activity: 'talking', callId: CALL, since: 7 }, false)?.since).toBe(7)
  })
})

describe('a desk whose telephone is not in the browser', () => {
  const heard = new Map<string, (data: Record<string, unknown>) => void>()
  const sent: unknown[] = []
  let refusal: Response | null = null
  let own = { person: 'a1001', state: 'available', call_id: '', since: '2026-11-22T00:00:00Z', until: null }

  beforeEach(() => {
    vi.resetModules()
    setActivePinia(createPinia())
    heard.clear()
    sent.length = 0
    refusal = null
    own = { ...own, state: 'available', call_id: '' }
    vi.stubGlobal('localStorage', { getItem: () => null, setItem: vi.fn() })
    vi.stubGlobal('sessionStorage', { getItem: () => 'tab', setItem: vi.fn() })
    vi.stubGlobal('fetch', async (request: Request): Promise<Response> => {
      const path = new URL(request.url).pathname
      if (path.endsWith('/softphone')) return Response.json({ code: 'no_softphone', message: '' }, { status: 404 })
      if (path.endsWith('/presence')) return Response.json(own)
      sent.push(await request.json())
      return refusal ?? Response.json({ seconds: 20 }, { status: 202 })
    })
    vi.doMock('../src/stores/events', () => ({
      useEvents: () => ({
        on: (kind: string, hear: (data: Record<string, unknown>) => void) => {
          heard.set(kind, hear)
          return () => heard.delete(kind)
        },
      }),
    }))
  })

  async function connected() {
    const { usePhone } = await import('../src/stores/phone')
    const phone = usePhone()
    await phone.connect(false)
    return phone
  }
  function tell(activity: string, callId: string): void {
    heard.get('call')?.({ activity, call_id: callId, since_ms: 9 })
  }

  it('follows the call at it, and is free after it', async () => {
    const phone = await connected()
    expect(phone.onDesk).toBe(true)
    expect(phone.canDial).toBe(true)
    tell('ringing', CALL)
    expect(phone.call?.phase).toBe('ringing')
    expect(phone.canDial).toBe(false)
    tell('talking', CALL)
    expect(phone.call).toMatchObject({ phase: 'talking', since: 9 })
    tell('ready', '')
    expect(phone.call).toBeNull()
  })

  it('knows after a reload that one talks', async () => {
    own = { ...own, state: 'talking', call_id: CALL }
    expect((await connected()).call).toMatchObject({ id: CALL, since: Date.parse(own.since) })
  })

  it('lets it ring to call a number, and then it is we who call', async () => {
    const phone = await connected()
    await phone.dial('13800000001')
    expect(sent).toEqual([{ number: '13800000001' }])
    tell('ringing', CALL)
    expect(phone.call).toMatchObject({ phase: 'dialling', direction: 'out' })
    tell('talking', CALL)
    expect(phone.call).toMatchObject({ phase: 'talking', direction: 'out' })
    tell('ready', '')
    tell('ringing', 'n1-17-1763785000.99')
    expect(phone.call).toMatchObject({ phase: 'ringing', direction: 'in' })
  })

  it('says why a number is not called, and whoever rings then is a caller', async () => {
    const phone = await connected()
    refusal = Response.json({ code: 'not_allowed', message: '不允许' }, { status: 409 })
    await phone.dial('0085212345678')
    expect(phone.problem).toMatchObject({ code: 'not_allowed' })
    tell('ringing', CALL)
    expect(phone.call?.phase).toBe('ringing')
  })
})
