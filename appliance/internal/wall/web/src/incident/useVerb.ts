// A dialog's verb: one key however often it is tried, closed when it is done.
import { computed } from 'vue'
import { newKey } from '@/shared/api'
import type { Incident, Verb } from '@/shared/types'
import { useDesk, type ActionBody } from './desk'

export function useVerb(incident: () => Incident, verb: Verb, done: () => void) {
  const desk = useDesk()
  const key = newKey()
  const busy = computed(() => desk.busy.has(`${incident().id}/${verb}`))
  async function send(body: ActionBody) {
    if (await desk.act(incident(), verb, body, key)) done()
  }
  return { desk, busy, send }
}
