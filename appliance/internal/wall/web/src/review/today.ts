// Today's counts and response times, from the incidents the room holds. Pure.
// Drills count apart: they are never mixed with real ones.
import { dayOf, parseStamp } from '@/shared/time'
import type { Incident } from '@/shared/types'

export interface Today {
  opened: number
  closed: number
  drills: number
  byPriority: Record<string, number>
  answerMs: number | undefined // median from opened to acknowledged
  overdue: number // open past its limit now
}

export function countToday(incidents: Iterable<Incident>, now: number, zone: string): Today {
  const today: Today = { opened: 0, closed: 0, drills: 0, byPriority: {}, answerMs: undefined, overdue: 0 }
  const day = dayOf(now, zone)
  const answers: number[] = []
  for (const incident of incidents) {
    const opened = parseStamp(incident.opened_at)
    const limit = parseStamp(incident.limit)
    if (incident.state !== 'closed' && limit !== undefined && limit < now) today.overdue++
    if (opened === undefined || dayOf(opened, zone) !== day) continue
    if (incident.drill) {
      today.drills++
      continue
    }
    today.opened++
    if (incident.state === 'closed') today.closed++
    today.byPriority[incident.priority] = (today.byPriority[incident.priority] ?? 0) + 1
    const answered = parseStamp(incident.acknowledged_at)
    if (answered !== undefined) answers.push(Math.max(0, answered - opened))
  }
  answers.sort((a, b) => a - b)
  today.answerMs = answers[Math.floor((answers.length - 1) / 2)]
  return today
}
