import { onMounted, onUnmounted } from 'vue'
import { useSession } from '@/shared/session'
import { keyAction, type KeyAction } from './keys'

// useKeys binds some actions while the component stands. An action that
// somebody takes is not passed on.
export function useKeys(actions: Partial<Record<KeyAction, () => unknown>>) {
  const session = useSession()
  function onKey(event: KeyboardEvent) {
    if (event.defaultPrevented || session.session?.locked) return
    const action = keyAction(event)
    const handler = action && actions[action]
    if (!handler || handler() === false) return
    event.preventDefault()
  }
  onMounted(() => window.addEventListener('keydown', onKey))
  onUnmounted(() => window.removeEventListener('keydown', onKey))
}
