import { defineStore } from 'pinia'
import { ref, watch } from 'vue'

import { LANGUAGES, speak, type Language } from '../texts'

export type Theme = 'system' | 'light' | 'dark'
const THEMES: readonly Theme[] = ['system', 'light', 'dark']

/** Language and light, kept in this browser. */
export const useAppearance = defineStore('appearance', () => {
  const theme = ref<Theme>(THEMES.find((one) => one === localStorage.getItem('theme')) ?? 'system')
  const kept = localStorage.getItem('language') ?? ''
  const language = ref<Language>(kept in LANGUAGES ? (kept as Language) : 'zh-CN')
  const system = matchMedia('(prefers-color-scheme: dark)')

  function show(): void {
    const dark = theme.value === 'dark' || (theme.value === 'system' && system.matches)
    document.documentElement.classList.toggle('dark', dark)
  }

  watch(theme, (chosen) => { localStorage.setItem('theme', chosen); show() })
  watch(language, (chosen) => { localStorage.setItem('language', chosen); speak(chosen) })
  system.addEventListener('change', show)
  show()
  speak(language.value)
  return { theme, language }
})
