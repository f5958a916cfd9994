import { mount } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'

import chinese from '../src/locales/zh-CN.json'
import CallerCard from '../src/parts/CallerCard.vue'
import { useForm, type Card } from '../src/stores/form'

it.each([
  ['P0', 'P0 心理危机或自伤'],
  ['P1', 'P1 突发公共卫生事件或举报'],
  ['P2', 'P2 到期回拨或多次未等到'],
  ['P3', 'P3 普通'],
  ['', undefined],
])('the class of a call (%s) is said in words on its card', (priority, words) => {
  const pinia = createPinia()
  setActivePinia(pinia)
  const form = useForm()
  form.callId = 'n1-17-1763785000.42'
  const parts = { flags: [], presets: [], open_items: [], earlier: [], origin: { place: '', carrier: '' } }
  form.card = { call_id: form.callId, number: '', priority, ...parts } as unknown as Card
  const i18n = createI18n({ legacy: false, locale: 'zh-CN', messages: { 'zh-CN': chinese } })
  const shown = mount(CallerCard, { global: { plugins: [pinia, i18n] } })
  expect(shown.findAll('[data-test=priority]')[0]?.text()).toBe(words)
})
