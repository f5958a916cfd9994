import { createI18n } from 'vue-i18n'

import en from './locales/en.json'
import chinese from './locales/zh-CN.json'

export const LANGUAGES = { 'zh-CN': '中文', en: 'English' } as const
export type Language = keyof typeof LANGUAGES

export const texts = createI18n<[typeof chinese], Language, false>({
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- without it, version 11 is version 8
  legacy: false,
  locale: 'zh-CN',
  fallbackLocale: 'zh-CN',
  messages: { 'zh-CN': chinese, en },
})

export function speak(language: Language): void {
  texts.global.locale.value = language
  document.documentElement.lang = language
}
