import { flushPromises, mount } from '@vue/test-utils'
import { createPinia } from 'pinia'
import { expect, it, vi } from 'vitest'
import { createI18n } from 'vue-i18n'

import chinese from '../src/locales/zh-CN.json'

let told: object = {}
vi.stubGlobal('fetch', (): Promise<Response> => Promise.resolve(Response.json(told)))
const { default: NoticeForm } = await import('../src/parts/NoticeForm.vue')

it.each([
  [[], ['a1001', 'a1002'], '已显示在 2 人的座席上。', ''],
  [['a1001', 'a1004', 'a1007'], ['a1001'], '已显示在 1 人的座席上。不在线、看不到的：a1004、a1007。', ''],
  [['a1004'], [], '目前没有人在线，没有人看到这条通知。', '请到会议室'],
])('a line to %j that is seen by %j is not said to be sent otherwise', async (people, reached, said, left) => {
  told = { people, reached }
  const i18n = createI18n({ legacy: false, locale: 'zh-CN', messages: { 'zh-CN': chinese } })
  const form = mount(NoticeForm, { global: { plugins: [createPinia(), i18n] } })
  const text = form.get<HTMLInputElement>('.text input')
  await text.setValue('请到会议室')
  await form.get('form').trigger('submit')
  await flushPromises()
  expect(form.get('[data-test=notified]').text()).toBe(said)
  expect(text.element.value).toBe(left)
})
