// What a report from a place would bind, asked of the box while the place is
// being written.
import { onScopeDispose, shallowRef, watch } from 'vue'
import { call } from '@/shared/api'
import type { Nearby } from '@/shared/types'

const pauseMs = 250 // after the last letter

export function useNearby(about: () => { place: string; kind: string }) {
  const nearby = shallowRef<Nearby>()
  let timer: ReturnType<typeof setTimeout> | undefined
  let stop: AbortController | undefined

  async function ask(place: string, kind: string) {
    stop?.abort()
    stop = new AbortController()
    const { signal } = stop
    try {
      const answer = await call<Nearby>('GET', `/nearby?${new URLSearchParams({ place, kind })}`, { signal })
      if (!signal.aborted) nearby.value = answer
    } catch {
      if (!signal.aborted) nearby.value = undefined // the report is taken all the same
    }
  }
  watch(() => [about().place.trim(), about().kind.trim()] as const, ([place, kind]) => {
    clearTimeout(timer)
    if (place) timer = setTimeout(() => void ask(place, kind), pauseMs)
    else {
      stop?.abort()
      nearby.value = undefined
    }
  })
  onScopeDispose(() => {
    clearTimeout(timer)
    stop?.abort()
  })
  return nearby
}
