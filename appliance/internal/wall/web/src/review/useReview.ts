// The review that the address names: /review?span=week&date=…, or with
// from and to; the box counts, this asks.
import { computed, onScopeDispose, ref, shallowRef, watch } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { call, problemOf } from '@/shared/api'
import { useClock } from '@/shared/clock'
import { useRoom } from '@/shared/room'
import { dayOf } from '@/shared/time'
import type { Problem, Review } from '@/shared/types'
import { before, isDate, periodOf, spans, type Period, type Span } from './period'

export function usePeriod() {
  const route = useRoute()
  const router = useRouter()
  const room = useRoom()
  const clock = useClock()

  const today = computed(() => dayOf(clock.seconds, room.zone))
  const span = computed<Span>(() => spans.find((one) => one === route.query.span) ?? 'week')
  const compare = computed(() => route.query.compare !== '0')
  const period = computed<Period>(() => {
    const { from, to, date } = route.query
    if (span.value === 'free' && isDate(from) && isDate(to) && from <= to) return { from, to }
    return periodOf(span.value === 'free' ? 'week' : span.value, isDate(date) && date <= today.value ? date : today.value, today.value)
  })
  const other = computed(() => before(span.value, period.value))
  const go = (query: Record<string, string | undefined>) => void router.replace({ query: { ...route.query, ...query } })
  return { today, span, compare, period, other, go }
}

export function useReview(query: () => string) {
  const review = shallowRef<Review>()
  const problem = shallowRef<Problem>()
  const busy = ref(false)
  let stop: AbortController | undefined

  async function load() {
    if (query() === '') return // nobody who may
    stop?.abort()
    const mine = (stop = new AbortController())
    busy.value = true
    try {
      const answer = await call<Review>('GET', `/review?${query()}`, { signal: mine.signal, timeoutMs: 30_000 })
      if (mine.signal.aborted) return
      review.value = answer
      problem.value = undefined
    } catch (error) {
      if (mine.signal.aborted) return
      review.value = undefined // of another period than is asked for
      problem.value = problemOf(error)
    }
    busy.value = false
  }
  watch(query, () => void load(), { immediate: true })
  onScopeDispose(() => stop?.abort())
  return { review, problem, busy, load }
}
