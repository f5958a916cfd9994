import 'element-plus/dist/index.css'
import 'element-plus/theme-chalk/dark/css-vars.css'
import './desk.css'

import { createPinia } from 'pinia'
import { createApp } from 'vue'

import App from './App.vue'
import { texts } from './texts'
import { makeRoutes } from './routes'

// A one-time link carries its secret behind the `#`: out of the address before anything is shown.
if (location.pathname === '/enter') {
  sessionStorage.setItem('link', location.hash.slice(1))
  history.replaceState(null, '', '/#/login')
}

createApp(App).use(createPinia()).use(texts).use(makeRoutes()).mount('#desktop')
