/** Microphones and loudspeakers of this machine, and how loud a microphone is. */

export interface Device {
  id: string
  label: string
}

export interface Devices {
  microphones: Device[]
  speakers: Device[]
}

/** Ask for the microphone once, so that the devices have names, and list them. */
export async function findDevices(): Promise<Devices> {
  const opened = await navigator.mediaDevices.getUserMedia({ audio: true })
  for (const track of opened.getTracks()) track.stop()
  const all = await navigator.mediaDevices.enumerateDevices()
  const of = (kind: MediaDeviceKind): Device[] =>
    all
      .filter((one) => one.kind === kind && one.deviceId !== '' && one.deviceId !== 'default')
      .map((one) => ({ id: one.deviceId, label: one.label }))
  return { microphones: of('audioinput'), speakers: of('audiooutput') }
}

/** Listen to a microphone until the returned function is called; `level` gets 0 to 1. */
export async function watchLevel(microphone: string, level: (value: number) => void): Promise<() => void> {
  const audio = microphone ? { deviceId: { exact: microphone } } : true
  const stream = await navigator.mediaDevices.getUserMedia({ audio })
  const context = new AudioContext()
  const analyser = context.createAnalyser()
  context.createMediaStreamSource(stream).connect(analyser)
  const samples = new Float32Array(analyser.fftSize)
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples)
    const power = samples.reduce((sum, one) => sum + one * one, 0) / samples.length
    level(levelOf(power))
  }, 80)
  return () => {
    clearInterval(timer)
    for (const track of stream.getTracks()) track.stop()
    void context.close()
  }
}

const QUIETEST_DB = -60

/** Turn mean power into a part of the meter: -60 dB is empty, full scale is full. */
export function levelOf(power: number): number {
  if (power <= 0) return 0
  const decibels = 10 * Math.log10(power)
  return Math.min(1, Math.max(0, 1 - decibels / QUIETEST_DB))
}
