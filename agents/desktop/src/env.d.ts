/// <reference types="vite/client" />

// For the rules; vue-tsc reads the components themselves.
declare module '*.vue' {
  import type { DefineComponent } from 'vue'

  const component: DefineComponent
  export default component
}

declare module 'swagger-ui-dist/swagger-ui-es-bundle.js' {
  const show: (options: Record<string, unknown>) => unknown
  export default show
}
