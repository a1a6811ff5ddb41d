import { createI18n } from 'vue-i18n'
import en from './locales/en.json'
import zhCN from './locales/zh-CN.json'

export const languages = ['zh-CN', 'en'] as const
export type Language = (typeof languages)[number]

const key = 'watchpost.language'

export function rememberedLanguage(): Language | undefined {
  const held = localStorage.getItem(key)
  return languages.find((language) => language === held)
}

export const i18n = createI18n({
  legacy: false,
  locale: rememberedLanguage() ?? 'zh-CN',
  fallbackLocale: 'zh-CN',
  messages: { 'zh-CN': zhCN, en },
})

export function useLanguage(language: Language, remember = true) {
  i18n.global.locale.value = language
  document.documentElement.lang = language
  if (remember) localStorage.setItem(key, language)
}
