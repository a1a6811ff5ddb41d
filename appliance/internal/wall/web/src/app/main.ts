import { createPinia } from 'pinia'
import { createApp } from 'vue'
import { closeAll } from '@/video/live'
import App from './App.vue'
import './base.css'
import { i18n, rememberedLanguage, useLanguage } from './i18n'
import { router } from './router'
import { applyTheme } from './theme'

window.__tiles = {}
window.addEventListener('pagehide', closeAll)
applyTheme()
useLanguage(rememberedLanguage() ?? 'zh-CN', false)
createApp(App).use(createPinia()).use(i18n).use(router).mount('#app')
