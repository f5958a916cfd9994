/** One request of a form, as it is typed. */
import type { Schemas } from './api'

export type Content = Schemas['Content']

export function blank(): Content {
  return {
    code: '',
    settlement: 'on_the_spot',
    transferred_to: '',
    note: '',
    region: '',
    red_flags: [],
    risk: null,
    suspected_event: false,
    articles: [],
    suggestion: null,
  }
}

/** Whether it can be filed; the server judges again. */
export function isComplete(content: Content): boolean {
  return content.code !== '' && (content.settlement !== 'transferred' || content.transferred_to !== '')
}
