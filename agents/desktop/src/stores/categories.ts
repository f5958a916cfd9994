import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'

import { api, asked, type Schemas } from '../api'

export type Category = Schemas['Category']

// eslint-disable-next-line @typescript-eslint/consistent-type-definitions -- an interface has no index signature, which the panel asks for
export type Branch = {
  value: string
  label: string
  disabled: boolean
  children: Branch[] | undefined
}

/** The tree in force; fetched once. */
export const useCategories = defineStore('categories', () => {
  const all = shallowRef<Category[]>([])
  const byCode = computed(() => new Map(all.value.map((one) => [one.code, one])))
  const tree = computed(() => branches(all.value))

  async function begin(): Promise<void> {
    if (all.value.length) return
    all.value = (await asked(api.GET('/api/v1/categories'))).categories
  }

  async function find(words: string): Promise<Category[]> {
    const found = await asked(api.GET('/api/v1/categories/search', { params: { query: { q: words, limit: 8 } } }))
    return found.categories.filter((one) => one.selectable)
  }

  function pathOf(code: string): string {
    return byCode.value.get(code)?.path.join(' › ') ?? code
  }

  return { all, byCode, tree, begin, find, pathOf }
})

function branches(all: Category[]): Branch[] {
  const made = new Map<string, Branch>()
  for (const { code, name, selectable, leaf } of all) {
    made.set(code, { value: code, label: name, disabled: leaf && !selectable, children: undefined })
  }
  const roots: Branch[] = []
  for (const one of all) {
    const branch = made.get(one.code)
    const parent = made.get(one.parent ?? '')
    if (branch && parent) parent.children = [...(parent.children ?? []), branch]
    else if (branch) roots.push(branch)
  }
  return roots
}
