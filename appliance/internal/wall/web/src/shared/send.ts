// One intent of the user: however often it is tried, the box does it once.
import { ref, shallowRef } from 'vue'
import { newKey, problemOf } from './api'
import type { Problem } from './types'

export function useSend() {
  const busy = ref(false)
  const problem = shallowRef<Problem>()
  const key = newKey() // the same for every try

  // send returns whether it was done; why not stands in problem.
  async function send(what: (key: string) => Promise<unknown>): Promise<boolean> {
    if (busy.value) return false
    busy.value = true
    problem.value = undefined
    try {
      await what(key)
      return true
    } catch (error) {
      problem.value = problemOf(error)
      return false
    } finally {
      busy.value = false
    }
  }
  return { busy, problem, send }
}

// bytesOf is how long a text is for the box.
export const bytesOf = (text: string) => new TextEncoder().encode(text.trim()).length
