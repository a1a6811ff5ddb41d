// Locks a desk that nobody touches. Every tab of the browser is the same desk:
// the newest touch of any of them counts. The wall's page counts as none.
import { onMounted, onUnmounted } from 'vue'
import { useRoute } from 'vue-router'
import { useSession } from '@/shared/session'

const touchedKey = 'watchpost.touched'
const checkMs = 1000
const saveMs = 1000
const touches = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart'] as const

export function useIdleLock() {
  const session = useSession()
  const route = useRoute()
  let saved = 0

  function touch() {
    if (route.name === 'wall' || session.session?.locked || Date.now() - saved < saveMs) return
    saved = Date.now()
    localStorage.setItem(touchedKey, String(saved))
  }

  function check() {
    const one = session.session
    if (!one?.desk || one.locked || !one.idle_lock_s || route.meta.open || route.name === 'wall') return
    const touched = Math.max(saved, Number(localStorage.getItem(touchedKey) ?? 0))
    if (Date.now() - touched < one.idle_lock_s * 1000) return
    saved = Date.now() // asked once; a silent box is asked again after as long
    void session.lock().catch(() => undefined)
  }

  let timer: ReturnType<typeof setInterval> | undefined
  onMounted(() => {
    touch()
    for (const one of touches) window.addEventListener(one, touch, { passive: true })
    timer = setInterval(check, checkMs)
  })
  onUnmounted(() => {
    clearInterval(timer)
    for (const one of touches) window.removeEventListener(one, touch)
  })
}
