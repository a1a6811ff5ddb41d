// What the operator does: which incident is before him, and the actions on it.
import { defineStore } from 'pinia'
import { computed, reactive, ref, shallowRef } from 'vue'
import { call, newKey, problemOf } from '@/shared/api'
import { useRoom } from '@/shared/room'
import type { Incident, IncidentAnswer, Problem, Report, Result, Verb } from '@/shared/types'
import { isUnanswered } from './order'

export interface ActionBody {
  reason?: string
  result?: Result
  note?: string
  other?: string
  alerts?: string[]
}

export const useDesk = defineStore('desk', () => {
  const room = useRoom()
  const selected = ref<string>()
  const busy = reactive(new Set<string>()) // "{id}/{verb}"
  const problem = shallowRef<Problem>()
  const dialog = ref<'close' | 'note' | 'report' | 'takeover' | 'help'>()

  const current = computed(() => (selected.value ? room.incidents.get(selected.value) : undefined))

  function can(incident: Incident | undefined, verb: Verb): boolean {
    if (!incident || !room.mayAct || room.cut) return false
    const closed = incident.state === 'closed'
    if (verb === 'reopen') return closed && !incident.merged_into
    if (verb === 'note' || verb === 'link') return true
    if (verb === 'merge' || verb === 'split') return !closed
    if (verb === 'acknowledge') return isUnanswered(incident)
    if (verb === 'claim') return isUnanswered(incident) || (!closed && incident.claimed_by !== room.me?.name)
    return !closed && (incident.state === 'open' || incident.unanswered === 0) // a further press is answered first
  }

  // act returns whether the box has it. The answer is folded at once; the
  // stream brings the same again.
  async function act(incident: Incident, verb: Verb, body: ActionBody = {}, key = newKey()): Promise<boolean> {
    const name = `${incident.id}/${verb}`
    if (busy.has(name)) return false
    busy.add(name)
    problem.value = undefined
    try {
      take(await call<IncidentAnswer>('POST', `/incidents/${incident.id}/${verb}`, { body, key }))
      return true
    } catch (error) {
      problem.value = problemOf(error)
      return false
    } finally {
      busy.delete(name)
    }
  }

  async function report(body: Report, key: string): Promise<Incident> {
    const answer = await call<IncidentAnswer>('POST', '/incidents', { body, key })
    take(answer)
    return answer.incident
  }

  function take(answer: IncidentAnswer) {
    room.put('incident', answer.incident)
    for (const alert of answer.alerts ?? []) room.put('alert', alert)
    for (const clip of answer.clips ?? []) room.put('clip', clip)
  }

  // answerVerb: who has it already keeps it when somebody else answers a
  // further press.
  const answerVerb = (incident: Incident): Verb =>
    incident.claimed_by && incident.claimed_by !== room.me?.name ? 'acknowledge' : 'claim'

  // claim asks for a reason when somebody else holds the incident.
  function claim(incident: Incident) {
    if (incident.claimed_by && incident.claimed_by !== room.me?.name) {
      selected.value = incident.id
      dialog.value = 'takeover'
      return
    }
    void act(incident, 'claim')
  }

  return { selected, current, busy, problem, dialog, can, act, report, claim, answerVerb }
})
