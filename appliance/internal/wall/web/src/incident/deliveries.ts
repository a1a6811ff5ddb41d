// How far an incident's events have come at each headquarters.
import { onScopeDispose, shallowRef, watch, type Ref } from 'vue'
import { call } from '@/shared/api'
import { parseStamp } from '@/shared/time'
import type { EventDelivery, Incident, IncidentAnswer, IncidentDelivery } from '@/shared/types'

const patienceMs = 5000 // a sign that goes again at once says nothing
const againMs = 5000

// unreceivedBy names the headquarters that have had an alarm waiting for longer
// than a moment.
export function unreceivedBy(delivery: IncidentDelivery | undefined, nowMs: number): string[] {
  return (delivery?.uplinks ?? []).flatMap((way) => {
    const oldest = parseStamp(way.oldest)
    return oldest !== undefined && nowMs - oldest > patienceMs ? [way.uplink] : []
  })
}

const onItsWay = (events: Iterable<EventDelivery>) =>
  [...events].some((event) => event.uplinks.some((way) => way.mark === 'stored' || way.mark === 'sent'))

// useDeliveries reads the ways of the incident's events anew whenever the room
// hears that something about them changed. Of a closed incident it hears
// nothing: that is asked again as long as something is on its way.
export function useDeliveries(incident: Ref<Incident>, summary: Ref<IncidentDelivery | undefined>, up: Ref<boolean>, heard: (answer: IncidentAnswer) => void = () => {}) {
  const ways = shallowRef(new Map<string, EventDelivery>())
  let turn = 0
  let again: ReturnType<typeof setTimeout> | undefined

  async function load() {
    clearTimeout(again)
    if (!up.value) return
    const mine = ++turn
    try {
      const answer = await call<IncidentAnswer>('GET', `/incidents/${encodeURIComponent(incident.value.id)}`)
      if (mine !== turn) return
      heard(answer)
      ways.value = new Map((answer.deliveries ?? []).map((event) => [event.event, event]))
    } catch {
      if (mine !== turn) return // what stands stays: the line's banner says why
    }
    if (!summary.value && onItsWay(ways.value.values())) again = setTimeout(() => void load(), againMs)
  }

  watch(() => incident.value.id, () => { ways.value = new Map() })
  watch(() => [incident.value.id, incident.value.touched, JSON.stringify(summary.value), up.value], () => void load(), { immediate: true })
  onScopeDispose(() => {
    turn++
    clearTimeout(again)
  })
  return ways
}
