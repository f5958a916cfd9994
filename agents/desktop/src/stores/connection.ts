import { defineStore } from 'pinia'
import { computed, ref } from 'vue'

/** Whether the server can be reached, and whether it hears the switch. */
export const useConnection = defineStore('connection', () => {
  const hasNetwork = ref(navigator.onLine)
  /** Null until the live stream has been tried. */
  const isLive = ref<boolean | null>(null)
  addEventListener('online', () => { hasNetwork.value = true })
  addEventListener('offline', () => { hasNetwork.value = false })
  return { hasNetwork, isLive, isCut: computed(() => !hasNetwork.value || isLive.value === false) }
})
