// What the operator does: which incident is before him, and the actions on it.
import { defineStore } from 'pinia'
import { computed, reactive, ref, shallowReactive, shallowRef } from 'vue'
import { call, newKey, problemOf } from '@/shared/api'
import { useRoom } from '@/shared/room'
import type { Incident, IncidentAction, IncidentAnswer, Problem, Report, Result, Verb } from '@/shared/types'
import { isUnanswered } from './order'
import { asksFirst, whyNot } from './verbs'

export interface ActionBody {
  reason?: string
  result?: Result
  note?: string
  other?: string
  alerts?: string[]
  points?: number
  tasks?: 'cancel' | 'keep'
}

// Dialog is what is asked: a verb's own questions, or something of the page.
export type Dialog = Verb | 'report' | 'route' | 'takeover' | 'help'

export const useDesk = defineStore('desk', () => {
  const room = useRoom()
  const selected = ref<string>()
  const busy = reactive(new Set<string>()) // "{id}/{verb}"
  const problem = shallowRef<Problem>()
  const refused = ref<Verb>() // what was tried and was not possible
  const dialog = ref<Dialog>()
  const other = ref('') // the second incident, where the dialog already knows it
  const reopens = ref<string>() // the older incident that the report goes on from
  const said = shallowReactive(new Map<string, { touched: number; actions: IncidentAction[] }>())

  const current = computed(() => (selected.value ? room.incidents.get(selected.value) : undefined))

  // why is '' when the verb is possible now, else why it is not.
  function why(incident: Incident, verb: Verb): string {
    if (!room.mayAct) return 'role'
    if (room.cut) return 'cut'
    const held = said.get(incident.id)
    return whyNot(incident, verb, held?.actions, held?.touched === incident.touched, room.me)
  }
  const can = (incident: Incident | undefined, verb: Verb): boolean => incident !== undefined && why(incident, verb) === ''
  const results = (incident: Incident): string[] => said.get(incident.id)?.actions.find((one) => one.verb === 'close')?.results ?? []

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

  function reportAgain(id: string) {
    reopens.value = id
    dialog.value = 'report'
  }

  function take(answer: IncidentAnswer) {
    room.put('incident', answer.incident)
    for (const alert of answer.alerts ?? []) room.put('alert', alert)
    for (const clip of answer.clips ?? []) room.put('clip', clip)
    const held = said.get(answer.incident.id)
    if (held && held.touched > answer.incident.touched) return
    said.set(answer.incident.id, { touched: answer.incident.touched, actions: answer.actions ?? [] })
  }

  // answerVerb: who has it already keeps it when somebody else answers a
  // further press.
  const answerVerb = (incident: Incident): Verb =>
    incident.claimed_by && incident.claimed_by !== room.me?.name && isUnanswered(incident) ? 'acknowledge' : 'claim'

  // press is a button or a key: does the verb, asks what must be known first,
  // or says why it is not possible. It returns false when there is nothing to do.
  function press(incident: Incident | undefined, verb: Verb, second = '') {
    if (!incident) return false
    problem.value = undefined
    refused.value = why(incident, verb) ? verb : undefined
    if (refused.value) return
    other.value = second
    if (asksFirst.includes(verb)) dialog.value = verb
    else if (verb === 'claim') claim(incident)
    else void act(incident, verb)
  }

  // whyNotRoute is '' when the incident can be given to partners.
  const whyNotRoute = (incident: Incident): string => (!room.mayAct ? 'role' : room.cut ? 'cut' : incident.state === 'closed' ? 'state' : '')
  function route(incident: Incident | undefined) {
    if (!incident || whyNotRoute(incident)) return false
    problem.value = undefined
    dialog.value = 'route'
  }

  // claim asks for a reason when somebody else holds the incident.
  function claim(incident: Incident) {
    if (incident.claimed_by && incident.claimed_by !== room.me?.name) {
      selected.value = incident.id
      dialog.value = 'takeover'
      return
    }
    void act(incident, 'claim')
  }

  return { selected, current, busy, problem, refused, dialog, other, reopens, why, can, results, act, press, route, whyNotRoute, report, reportAgain, take, claim, answerVerb }
})
