import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'

import { api, asked, changed, type Schemas } from '../api'
import { blankArticle, slugOf, textOf, writingOf, type Writing } from '../article'
import { useSession } from './session'

export type Hit = Schemas['Hit']
export type Version = Schemas['ArticleVersion']
export type Remark = Schemas['Remark']

const FOUND = 20

/** The knowledge base for those who read, write and judge it. */
export const useKnowledge = defineStore('knowledge', () => {
  const session = useSession()
  const words = ref('')
  const category = ref('')
  const hits = shallowRef<Hit[]>([])
  const shown = shallowRef<Version | null>(null)
  const versions = shallowRef<Version[]>([])
  const review = shallowRef<Version[]>([])
  const remarks = shallowRef<Remark[]>([])
  /** Kept while somebody looks elsewhere, or a call rings. */
  const writing = ref<Writing | null>(null)
  const problem = shallowRef<unknown>(null)
  /** What was done last, as the key of a text. */
  const done = ref('')
  const isBusy = ref(false)

  const may = (permission: string): boolean => session.may.has(permission)

  /** Do something; true when it was done. */
  async function attempt(act: () => Promise<unknown>, said = ''): Promise<boolean> {
    isBusy.value = true
    problem.value = null
    done.value = ''
    try {
      await act()
      done.value = said
      return true
    } catch (error) {
      problem.value = error
      return false
    } finally {
      isBusy.value = false
    }
  }

  async function search(): Promise<void> {
    const q = words.value
    await attempt(async () => {
      const found = await asked(api.GET('/api/v1/articles', { params: { query: { q, category: category.value, limit: FOUND } } }))
      if (q === words.value) hits.value = found.articles
    })
  }

  /** What waits for whoever judges. */
  async function lookAtReview(): Promise<void> {
    if (!may('articles.approve')) return
    await attempt(async () => {
      review.value = (await asked(api.GET('/api/v1/articles/review'))).versions
      remarks.value = (await asked(api.GET('/api/v1/articles/remarks'))).remarks
    })
  }

  /** Show the version in force, and all there were for those who judge. */
  async function open(article_id: number): Promise<void> {
    const params = { path: { article_id } }
    writing.value = null
    await attempt(async () => {
      if (may('articles.approve')) {
        versions.value = (await asked(api.GET('/api/v1/articles/{article_id}/versions', { params }))).versions
        shown.value = versions.value.find((one) => one.standing === 'approved') ?? versions.value[0] ?? null
      } else {
        versions.value = []
        shown.value = await asked(api.GET('/api/v1/articles/{article_id}', { params }))
      }
    })
  }

  function write(version: Version | null): void {
    writing.value = version ? writingOf(version.article_id, version.slug, version.text) : blankArticle()
  }

  async function send(): Promise<void> {
    const text = writing.value
    if (!text) return
    const { article } = text
    const sent = await attempt(async () => {
      const placed = article === null
        ? await changed(({ header }) => api.POST('/api/v1/articles', { params: { header }, body: { ...textOf(text), slug: text.slug || null } }))
        : await changed(({ header }) => api.PUT('/api/v1/articles/{article_id}', { params: { header, path: { article_id: article } }, body: textOf(text) }))
      await open(placed.article_id)
    }, 'written')
    if (sent) await after('written')
  }

  async function judge(version: Version, approve: boolean, remark: string): Promise<void> {
    const path = { article_id: version.article_id, version: version.version }
    const judged = await attempt(() => changed(({ header }) =>
      api.POST('/api/v1/articles/{article_id}/versions/{version}/judgement', { params: { header, path }, body: { approve, remark } })))
    if (judged) await after(approve ? 'approved' : 'refused', version.article_id)
  }

  async function retire(article_id: number): Promise<void> {
    const retired = await attempt(() => changed(({ header }) =>
      api.DELETE('/api/v1/articles/{article_id}', { params: { header, path: { article_id } } })))
    if (retired) await after('retired', article_id)
  }

  /** Say what is wrong in an article, or that none tells it. */
  async function flag(article_id: number | null, kind: 'wrong' | 'outdated', note: string): Promise<boolean> {
    const flagged = await attempt(() => changed(({ header }) => article_id === null
      ? api.POST('/api/v1/articles/remarks', { params: { header }, body: { note } })
      : api.POST('/api/v1/articles/{article_id}/remarks', { params: { header, path: { article_id } }, body: { kind, note } })))
    if (flagged) await after('flagged')
    return flagged
  }

  async function closeRemark(remark_id: number): Promise<void> {
    const closed = await attempt(() => changed(({ header }) =>
      api.DELETE('/api/v1/articles/remarks/{remark_id}', { params: { header, path: { remark_id } } })))
    if (closed) await after('closed')
  }

  /** Bring files in, each as an article of its name; what is no article is named. */
  async function bringIn(files: File[]): Promise<void> {
    const brought = await attempt(async () => {
      for (const file of files) {
        const body = { slug: slugOf(file.name) || `article-${crypto.randomUUID().slice(0, 8)}`, markdown: await file.text() }
        await changed(({ header }) => api.POST('/api/v1/articles/import', { params: { header }, body }))
      }
    })
    if (brought) await after('brought')
  }

  async function takeOut(article_id: number): Promise<Schemas['Markdown'] | null> {
    let taken: Schemas['Markdown'] | null = null
    await attempt(async () => {
      taken = await asked(api.GET('/api/v1/articles/{article_id}/markdown', { params: { path: { article_id } } }))
    })
    return taken
  }

  /** Show how things stand after a change, and say what was done. */
  async function after(said: string, article: number | null = null): Promise<void> {
    await lookAtReview()
    if (article !== null) await open(article)
    await search()
    if (!problem.value) done.value = said
  }

  return {
    words, category, hits, shown, versions, review, remarks, writing, problem, done, isBusy,
    may, search, lookAtReview, open, write, send, judge, retire, flag, closeRemark, bringIn, takeOut,
  }
})
