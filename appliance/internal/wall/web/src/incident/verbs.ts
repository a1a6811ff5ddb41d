// The verbs on an incident in the order of their buttons, each with its key;
// those that few incidents need stand behind "more".
// Whether one is possible is the box's word; before the box has been asked,
// answering needs no asking: it is the same for everybody in the room.
import type { Incident, IncidentAction, Me, Verb } from '@/shared/types'
import type { KeyAction } from './keys'
import { isClosed, isUnanswered } from './order'

export interface VerbButton {
  verb: Verb
  action: KeyAction
  key: string
  seldom?: true // behind "more"
}

export const verbButtons: readonly VerbButton[] = [
  { verb: 'claim', action: 'claim', key: 'C' },
  { verb: 'acknowledge', action: 'acknowledge', key: 'A' },
  { verb: 'dispatch', action: 'dispatch', key: 'D' },
  { verb: 'arrive', action: 'arrive', key: 'V' },
  { verb: 'note', action: 'note', key: 'N' },
  { verb: 'close', action: 'close', key: 'X' },
  { verb: 'reopen', action: 'reopen', key: 'O' },
  { verb: 'link', action: 'link', key: 'L', seldom: true },
  { verb: 'merge', action: 'merge', key: 'M', seldom: true },
  { verb: 'split', action: 'split', key: 'S', seldom: true },
  { verb: 'follow_up', action: 'followUp', key: 'F', seldom: true },
  { verb: 'score', action: 'score', key: 'G', seldom: true },
]

// What the box wants to be told with a verb is asked in a dialog.
export const asksFirst: readonly Verb[] = ['dispatch', 'note', 'close', 'link', 'merge', 'split', 'follow_up', 'score']

// whyNot is '' when the verb is possible, else why it is not.
export function whyNot(incident: Incident, verb: Verb, said: readonly IncidentAction[] | undefined, fresh: boolean, me: Me | undefined): string {
  const own = incident.claimed_by === me?.name
  if (!fresh && (verb === 'claim' || verb === 'acknowledge')) {
    if (isClosed(incident)) return 'state'
    if (verb === 'acknowledge') return isUnanswered(incident) ? '' : 'state'
    if (incident.claimed_by && !own) return me?.role === 'lead' || me?.role === 'admin' ? '' : 'taken'
    return own && !isUnanswered(incident) ? 'own' : ''
  }
  if (!said) return 'asking'
  const one = said.find((action) => action.verb === verb)
  // One more is sent as the first was: by an order that belongs to the incident.
  if (one?.why === 'state' && verb === 'dispatch' && (incident.state === 'dispatched' || incident.state === 'on_scene')) return ''
  return one ? (one.why ?? '') : 'unknown'
}
