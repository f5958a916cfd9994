/** Put a text where it can be pasted; false when the browser will not. */
export async function copied(text: string): Promise<boolean> {
  // A page that came over plain HTTP has no clipboard of its own, but may have marked text copied.
  const clipboard = navigator.clipboard as Clipboard | undefined
  return clipboard ? clipboard.writeText(text).then(() => true, () => marked(text)) : marked(text)
}

function marked(text: string): boolean {
  const field = document.createElement('textarea')
  field.value = text
  field.setAttribute('readonly', '')
  field.style.position = 'fixed'
  field.style.opacity = '0'
  const before = document.activeElement
  document.body.append(field)
  field.select()
  try {
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- the only way over plain HTTP
    return document.execCommand('copy')
  } catch {
    return false
  } finally {
    field.remove()
    if (before instanceof HTMLElement) before.focus()
  }
}
