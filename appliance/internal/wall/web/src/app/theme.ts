// Dark by default: the room is dim.
import { ref } from 'vue'

const key = 'watchpost.theme'
export const theme = ref<'dark' | 'light'>(localStorage.getItem(key) === 'light' ? 'light' : 'dark')

export function applyTheme(next = theme.value) {
  theme.value = next
  document.documentElement.dataset.theme = next
  localStorage.setItem(key, next)
}
