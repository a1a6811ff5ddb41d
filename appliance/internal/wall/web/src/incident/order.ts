// What the list shows, in which order, and how a flood folds. Pure.
import type { Incident } from '@/shared/types'

export interface Filter {
  text: string
  priorities: string[] // empty: all
  states: 'open' | 'mine' | 'closed' | 'all'
}

export const noFilter: Filter = { text: '', priorities: [], states: 'open' }

export const isClosed = (i: Incident) => i.state === 'closed'
// isUnanswered: nobody has answered yet, or somebody pressed again since.
export const isUnanswered = (i: Incident) => i.state === 'open' || (i.unanswered > 0 && !isClosed(i))
// isUnclaimed: answered once, and nobody's now (reopened, or only acknowledged).
export const isUnclaimed = (i: Incident) => !isClosed(i) && !isUnanswered(i) && !i.claimed_by
// cameAt and wasAt: when the box had it, when it happened; of an incident in
// which somebody pressed again, when that was.
export const cameAt = (i: Incident) => i.pressed_at || i.opened_at
export const wasAt = (i: Incident) => i.pressed_at || i.occurred_at

// byUrgency: within a priority unanswered, then what nobody has claimed, then the
// rest, each newest first; closed last. Newest first so that what just came is never below the screen's edge.
export function byUrgency(a: Incident, b: Incident): number {
  return (
    Number(isClosed(a)) - Number(isClosed(b)) ||
    a.priority.localeCompare(b.priority) ||
    Number(isUnanswered(b)) - Number(isUnanswered(a)) ||
    Number(isUnclaimed(b)) - Number(isUnclaimed(a)) ||
    cameAt(b).localeCompare(cameAt(a)) ||
    b.number - a.number
  )
}

export function matches(i: Incident, filter: Filter, me: string, kindWord: (kind: string) => string): boolean {
  if (filter.states === 'open' && isClosed(i)) return false
  if (filter.states === 'closed' && !isClosed(i)) return false
  if (filter.states === 'mine' && (i.claimed_by !== me || isClosed(i))) return false
  if (filter.priorities.length > 0 && !filter.priorities.includes(i.priority)) return false
  const text = filter.text.trim().toLowerCase()
  if (!text) return true
  const hay = `${i.number} ${i.place.name} ${kindWord(i.kind)} ${i.kind} ${i.claimed_by ?? ''}`
  return hay.toLowerCase().includes(text)
}

export interface Row {
  key: string
  incident: Incident // the newest of a folded row
  folded: Incident[] // what the row stands for; one entry when not folded
}

export const floodFrom = 4 // so many alike fold into one row
const floodWithinMs = 10 * 60_000 // neighbours in time

const alike = (i: Incident) => [i.priority, i.state, isUnanswered(i), isUnclaimed(i), i.kind, i.drill, i.place.id || i.place.name].join('|')

// foldFloods joins many incidents of one kind at one place that came close
// together. An unanswered P0 stands alone: each is a person.
export function foldFloods(sorted: Incident[], shownWhole: ReadonlySet<string> = new Set()): Row[] {
  const groups = new Map<string, Incident[]>()
  for (const incident of sorted) {
    if (incident.priority === 'P0' && isUnanswered(incident)) continue
    const open = groups.get(alike(incident)) ?? []
    const last = open.at(-1)
    const near = !last || Math.abs(Date.parse(cameAt(last)) - Date.parse(cameAt(incident))) <= floodWithinMs
    if (near) groups.set(alike(incident), [...open, incident])
  }
  const foldedInto = new Map<string, Incident[]>()
  for (const [key, members] of groups) {
    if (members.length < floodFrom || shownWhole.has(key)) continue
    for (const member of members) foldedInto.set(member.id, members)
  }
  const rows: Row[] = []
  const done = new Set<Incident[]>()
  for (const incident of sorted) {
    const members = foldedInto.get(incident.id)
    if (!members) rows.push({ key: incident.id, incident, folded: [incident] })
    else if (!done.has(members)) {
      done.add(members)
      rows.push({ key: alike(incident), incident: members[0]!, folded: members })
    }
  }
  return rows
}

// unansweredP0 are those that fill the screen, the longest unanswered first; an
// exercise never stands before a real one.
export function unansweredP0(incidents: Iterable<Incident>): Incident[] {
  return [...incidents]
    .filter((i) => i.priority === 'P0' && isUnanswered(i))
    .sort((a, b) => Number(a.drill) - Number(b.drill) || cameAt(a).localeCompare(cameAt(b)) || a.number - b.number)
}
