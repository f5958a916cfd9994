/**
 * The telephone in the browser. The only file that knows SIP; the rest knows lines and calls.
 *
 * One line, at most one call that is talked in. A call that rings meanwhile is refused as busy,
 * except the one that leads back into a call that was lost: that one is taken, and what the
 * browser still believes of the old one is forgotten.
 */
import JsSIP from 'jssip'
import type { IncomingRTCSessionEvent, RTCSessionEvent } from 'jssip/lib/UA'
import type { EndEvent, RTCSession } from 'jssip/lib/RTCSession'

import { measure, type Figures, type Tally } from './quality'

/** What the server gives for one session; worth nothing after it has ended. */
export interface Credential {
  /** Path of the WebSocket below our own origin. */
  path: string
  user: string
  secret: string
  realm: string
}

export type LineState = 'off' | 'connecting' | 'ready' | 'refused' | 'taken' | 'busy'

export type Phase = 'ringing' | 'dialling' | 'talking'

/** A call as the desk shows it. */
export interface Call {
  id: string
  direction: 'in' | 'out'
  /** The other side as far as the switch tells; callers' numbers are shown by the desk's data. */
  party: string
  phase: Phase
  held: boolean
  muted: boolean
  /** Whether it leads back into a call that was lost. */
  rejoin: boolean
  /** Milliseconds since 1970, when talking began. */
  since: number | null
}

export type Ending = 'hung-up' | 'cancelled' | 'busy' | 'refused' | 'no-answer' | 'lost' | 'no-microphone'

/** What the telephone tells. */
export interface Listener {
  line(state: LineState): void
  call(call: Call | null): void
  ended(call: Call, ending: Ending): void
  figures(figures: Figures, tally: Tally): void
  /** The browser wants a gesture before it plays. */
  silenced(silent: boolean): void
}

/** How sound is captured and played. */
export interface Sound {
  microphone: string
  speaker: string
  processing: boolean
}

/** Sent by the dialplan with the call that leads back into a lost one. */
const REJOIN_HEADER = 'X-Hotline-Rejoin'
/** The relay closes with these when somebody else has this agent's telephone. */
const TAKEN = 4001
const BUSY = 4009
const UNAUTHORIZED = 4401
const BUSY_HERE = 486
const DECLINED = 480
const MEASURE_MS = 2_000
/** JsSIP waits this long for further candidates; on a local network they are all there by then. */
const GATHER_MS = 400
const REGISTERED_SECONDS = 120

export class Softphone {
  private agent: JsSIP.UA | null = null
  private session: RTCSession | null = null
  private call: Call | null = null
  private readonly audio = new Audio()
  private timer: ReturnType<typeof setInterval> | undefined
  private tally: Tally | null = null
  private sound: Sound = { microphone: '', speaker: '', processing: true }
  private credential: Credential | null = null
  private wasLost = false

  /**
   * @param tab names this tab, also after it was loaded anew: it then gets its place back unasked.
   */
  constructor(
    private readonly listener: Listener,
    private readonly tab: string,
  ) {
    this.audio.autoplay = true
  }

  /** Register, and keep registered until `stop`. */
  start(credential: Credential, takeOver: boolean): void {
    this.stop()
    this.credential = credential
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
    const query = new URLSearchParams({ tab: this.tab, ...(takeOver ? { take: 'over' } : {}) })
    const address = `${scheme}://${location.host}${credential.path}?${query.toString()}`
    const agent = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(address)],
      uri: `sip:${credential.user}@${credential.realm}`,
      authorization_user: credential.user,
      password: credential.secret,
      register_expires: REGISTERED_SECONDS,
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 4,
      session_timers: false,
      user_agent: 'hotline-desk',
    })
    agent.on('connecting', () => { this.listener.line('connecting') })
    agent.on('disconnected', (event) => { this.disconnected(event.code) })
    agent.on('registered', () => { this.registered() })
    agent.on('registrationFailed', () => { this.listener.line('refused') })
    agent.on('newRTCSession', (event: RTCSessionEvent) => {
      if (isIncoming(event)) this.incoming(event)
    })
    this.agent = agent
    agent.start()
  }

  /** Sign off; a call that is on ends. */
  stop(): void {
    const agent = this.agent
    this.agent = null
    agent?.stop()
    this.forget()
    this.listener.line('off')
  }

  async use(sound: Sound): Promise<void> {
    const changed = sound.microphone !== this.sound.microphone || sound.processing !== this.sound.processing
    this.sound = { ...sound }
    // A device that is gone leaves the sound where it was.
    await this.audio.setSinkId(sound.speaker).catch(() => undefined)
    if (changed && this.call?.phase === 'talking') await this.changeMicrophone()
  }

  answer(): void {
    if (this.call?.phase !== 'ringing') return
    this.session?.answer({ ...this.media(), pcConfig: { iceServers: [] } })
  }

  reject(): void {
    if (this.call?.phase === 'ringing') this.session?.terminate({ status_code: DECLINED })
  }

  dial(number: string): void {
    if (!this.agent || !this.credential || this.call) return
    const session = this.agent.call(`sip:${number}@${this.credential.realm}`, {
      ...this.media(),
      pcConfig: { iceServers: [] },
    })
    this.take(session, { direction: 'out', party: number, phase: 'dialling', rejoin: false })
  }

  hangUp(): void {
    if (this.session && !this.session.isEnded()) this.session.terminate()
  }

  hold(held: boolean): void {
    if (this.call?.phase !== 'talking' || this.call.held === held) return
    if (held) this.session?.hold()
    else this.session?.unhold()
  }

  mute(muted: boolean): void {
    if (muted) this.session?.mute({ audio: true })
    else this.session?.unmute({ audio: true })
  }

  press(key: string): void {
    if (this.call?.phase === 'talking' && /^[0-9*#]$/.test(key)) {
      this.session?.sendDTMF(key, { transportType: 'RFC2833' as never })
    }
  }

  /** Play again after the browser had asked for a gesture. */
  async play(): Promise<void> {
    try {
      await this.audio.play()
      this.listener.silenced(false)
    } catch {
      this.listener.silenced(true)
    }
  }

  private registered(): void {
    this.listener.line('ready')
    // The way here is new: the switch must learn it, and audio must find it.
    if (this.wasLost && this.session?.isEstablished()) {
      this.session.renegotiate({ rtcOfferConstraints: { iceRestart: true } })
    }
    this.wasLost = false
  }

  private disconnected(code: number | undefined): void {
    this.wasLost = true
    const final = { [TAKEN]: 'taken', [BUSY]: 'busy', [UNAUTHORIZED]: 'refused' } as const
    const state = final[code as keyof typeof final] as LineState | undefined
    if (!state) {
      this.listener.line(this.agent ? 'connecting' : 'off')
      return
    }
    const agent = this.agent
    this.agent = null
    agent?.stop()
    this.forget()
    this.listener.line(state)
  }

  private incoming(event: IncomingRTCSessionEvent): void {
    const { session, request } = event
    const rejoin = Boolean(request.getHeader(REJOIN_HEADER))
    if (this.call && !rejoin) {
      session.terminate({ status_code: BUSY_HERE })
      return
    }
    this.drop()
    const party = session.remote_identity.uri.user
    this.take(session, { direction: 'in', party, phase: 'ringing', rejoin })
    if (rejoin) this.answer()
  }

  private take(session: RTCSession, view: Pick<Call, 'direction' | 'party' | 'phase' | 'rejoin'>): void {
    this.session = session
    this.show({ id: session.id, held: false, muted: false, since: null, ...view })
    const mine = (act: () => void) => () => { if (this.session === session) act() }
    session.on('peerconnection', ({ peerconnection }) => { this.connect(peerconnection) })
    // An outgoing session has made its connection before anybody could listen.
    if (view.direction === 'out' && session.connection as unknown) this.connect(session.connection)
    session.on('confirmed', mine(() => { this.change({ phase: 'talking', since: Date.now() }) }))
    session.on('hold', mine(() => { this.change({ held: session.isOnHold().local }) }))
    session.on('unhold', mine(() => { this.change({ held: session.isOnHold().local }) }))
    session.on('muted', mine(() => { this.change({ muted: true }) }))
    session.on('unmuted', mine(() => { this.change({ muted: false }) }))
    session.on('ended', (end: EndEvent) => { this.finish(session, end.cause) })
    session.on('failed', (end: EndEvent) => { this.finish(session, end.cause) })
    let gathered: ReturnType<typeof setTimeout> | undefined
    session.on('icecandidate', ({ ready }) => {
      clearTimeout(gathered)
      gathered = setTimeout(ready, GATHER_MS)
    })
    this.timer = setInterval(() => { void this.look() }, MEASURE_MS)
  }

  private connect(connection: RTCPeerConnection): void {
    connection.addEventListener('track', (event) => {
      this.audio.srcObject = event.streams[0] ?? new MediaStream([event.track])
      void this.play()
    })
  }

  private async look(): Promise<void> {
    const connection = this.session?.connection as RTCPeerConnection | undefined
    if (this.call?.phase !== 'talking' || !connection) return
    const { figures, tally } = measure(await connection.getStats(), this.tally)
    this.tally = tally
    if (figures && tally) this.listener.figures(figures, tally)
  }

  private async changeMicrophone(): Promise<void> {
    const stream = await navigator.mediaDevices.getUserMedia(this.media().mediaConstraints)
    const track = stream.getAudioTracks()[0]
    const sender = this.session?.connection.getSenders().find((one) => one.track?.kind === 'audio')
    if (!track || !sender) return
    sender.track?.stop()
    track.enabled = !(this.call?.muted ?? false)
    await sender.replaceTrack(track)
  }

  private media(): { mediaConstraints: MediaStreamConstraints } {
    const { microphone, processing } = this.sound
    return {
      mediaConstraints: {
        audio: {
          ...(microphone ? { deviceId: { exact: microphone } } : {}),
          echoCancellation: processing,
          noiseSuppression: processing,
          autoGainControl: processing,
        },
        video: false,
      },
    }
  }

  private finish(session: RTCSession, cause: string): void {
    if (this.session !== session) return
    const call = this.call
    this.forget()
    if (call) this.listener.ended(call, endingOf(cause))
  }

  /** End what the browser still believes in; the switch has given it up already. */
  private drop(): void {
    const session = this.session
    this.forget()
    if (session && !session.isEnded()) session.terminate()
  }

  private forget(): void {
    clearInterval(this.timer)
    this.tally = null
    this.session = null
    this.audio.srcObject = null
    if (this.call) {
      this.call = null
      this.listener.call(null)
    }
  }

  private change(part: Partial<Call>): void {
    if (this.call) this.show({ ...this.call, ...part })
  }

  private show(call: Call): void {
    this.call = call
    this.listener.call({ ...call })
  }
}

function isIncoming(event: RTCSessionEvent): event is IncomingRTCSessionEvent {
  return (event.originator as string) === 'remote'
}

/** JsSIP's causes, in the desk's words; every other is a line that was lost. */
const ENDINGS: Readonly<Record<string, Ending>> = {
  Terminated: 'hung-up',
  Canceled: 'cancelled',
  Busy: 'busy',
  Rejected: 'refused',
  'Not Found': 'refused',
  'No Answer': 'no-answer',
  Unavailable: 'no-answer',
  'User Denied Media Access': 'no-microphone',
}

export function endingOf(cause: string): Ending {
  return ENDINGS[cause] ?? 'lost'
}
