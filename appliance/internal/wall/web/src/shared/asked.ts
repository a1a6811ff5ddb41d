// What the box answers to a path: asked at once, and again every so often while
// somebody looks, or when useFresh says so; why not stands in problem, beside the last answer.
import { onMounted, onUnmounted, ref, shallowRef } from 'vue'
import { call, problemOf } from './api'
import { useClock } from './clock'
import type { Problem } from './types'

export function useAsked<T>(path: string, everyMs?: number) {
  const answer = shallowRef<T>()
  const problem = shallowRef<Problem>()
  const busy = ref(true)
  const clock = useClock()
  const at = ref(0) // station time of the answer

  async function load() {
    try {
      answer.value = await call<T>('GET', path)
      problem.value = undefined
      at.value = clock.now
    } catch (error) {
      problem.value = problemOf(error)
    } finally {
      busy.value = false
    }
  }

  let timer: ReturnType<typeof setInterval> | undefined
  onMounted(() => {
    if (everyMs !== 0) void load() // 0: whoever asks says when
    if (everyMs) timer = setInterval(() => void load(), everyMs)
  })
  onUnmounted(() => clearInterval(timer))
  return { answer, problem, busy, at, load }
}
