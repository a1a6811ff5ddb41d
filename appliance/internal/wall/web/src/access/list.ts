// A list of the box that somebody works on: asked at first, and again after
// each act, which says in words when it could not be done.
import { onMounted, ref, shallowRef } from 'vue'
import { call, problemOf } from '@/shared/api'
import type { Problem } from '@/shared/types'

// Who may not is not asked for: the box tells each refusal in its audit.
export function useList<T>(path: string, may = () => true) {
  const items = shallowRef<T[]>([])
  const problem = shallowRef<Problem>()
  const busy = ref(false)
  const known = ref(false) // the list was read: an empty one is empty

  async function load() {
    items.value = (await call<{ items: T[] }>('GET', path)).items
    known.value = true
  }

  async function act(what: () => Promise<unknown> = async () => {}) {
    busy.value = true
    problem.value = undefined
    try {
      await what()
      await load()
    } catch (error) {
      problem.value = problemOf(error)
    } finally {
      busy.value = false
    }
  }

  onMounted(() => may() && void act())
  return { items, problem, busy, known, load, act }
}
