/** Keys that work wherever the cursor is. Those that browsers keep for themselves are left out. */
import { onMounted, onUnmounted } from 'vue'

export interface Telephone {
  /** Whether its own keys are the browser's: a telephone on the desk is lifted by hand. */
  here: () => boolean
  ringing: () => boolean
  talking: () => boolean
  busy: () => boolean
  answer: () => void
  end: () => void
  hold: () => void
  mute: () => void
  transfer: () => void
  help: () => void
  work: () => void
}

/** Act on a key; true when it was ours. */
export function pressed(key: string, phone: Telephone): boolean {
  const here = phone.here()
  if (key === 'F2' && here && phone.ringing()) phone.answer()
  else if (key === 'F4' && here && phone.busy()) phone.end()
  else if (key === 'F8' && here && phone.talking()) phone.hold()
  else if (key === 'F9' && here && phone.talking()) phone.mute()
  else if (key === 'F7' && phone.talking()) phone.transfer()
  else if (key === 'F1') phone.help()
  else if (key === 'F10') phone.work()
  else return false
  return true
}

export function useTelephoneKeys(phone: Telephone): void {
  function listen(event: KeyboardEvent): void {
    const plain = !event.ctrlKey && !event.altKey && !event.metaKey && !event.shiftKey
    if (plain && !event.repeat && pressed(event.key, phone)) event.preventDefault()
  }
  onMounted(() => { addEventListener('keydown', listen, true) })
  onUnmounted(() => { removeEventListener('keydown', listen, true) })
}
