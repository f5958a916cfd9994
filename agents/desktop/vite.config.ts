import vue from '@vitejs/plugin-vue'
import { defineConfig, type Plugin } from 'vite'

/** A library's pictures within its style sheet, which the pages' policy would refuse one by one. */
const noPicturesInStyles: Plugin = {
  name: 'no-pictures-in-styles',
  enforce: 'pre',
  transform: {
    filter: { id: /swagger-ui\.css/ },
    handler: (code) => ({ code: code.replace(/url\(("data:(\\.|[^"\\])*"|data:[^)]*)\)/g, 'none'), map: null }),
  },
}

export default defineConfig({
  base: '/desktop/',
  plugins: [vue(), noPicturesInStyles],
  define: { __VUE_OPTIONS_API__: false, __VUE_PROD_DEVTOOLS__: false },
  build: {
    target: 'es2022',
    // Nothing inline: the page's policy allows neither inline scripts nor data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: { input: ['index.html', 'docs.html'] },
    chunkSizeWarningLimit: 2_000,
  },
})
