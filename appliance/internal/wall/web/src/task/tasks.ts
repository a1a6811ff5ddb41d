// What the list of orders shows, in which order, and who may do what. Pure.
import type { Me, Task, TaskVerb } from '@/shared/types'

export interface TaskFilter {
  text: string
  states: 'open' | 'overdue' | 'above' | 'done' | 'all'
}

export const noTaskFilter: TaskFilter = { text: '', states: 'open' }

export const isDone = (task: Task) => ['confirmed', 'handed_back', 'cancelled'].includes(task.state)
// isOwing: the receiver still has to do something.
export const isOwing = (task: Task) => ['issued', 'accepted', 'arrived', 'returned'].includes(task.state)
export const isFromAbove = (task: Task) => Boolean(task.hq_id)

// isLate: past its limit, and not reported.
export function isLate(task: Task, nowMs: number): boolean {
  const limit = Date.parse(task.limit)
  return isOwing(task) && !Number.isNaN(limit) && limit < nowMs
}

// byNeed: what is late first, then what waits for the room's confirmation, then
// by priority, then by limit; what has ended last, newest first.
export function byNeed(nowMs: number) {
  const limitOf = (task: Task) => task.limit || '9999'
  return (a: Task, b: Task): number =>
    Number(isDone(a)) - Number(isDone(b)) ||
    (isDone(a) ? b.ended_at.localeCompare(a.ended_at) : 0) ||
    Number(isLate(b, nowMs)) - Number(isLate(a, nowMs)) ||
    Number(b.state === 'reported') - Number(a.state === 'reported') ||
    a.priority.localeCompare(b.priority) ||
    limitOf(a).localeCompare(limitOf(b)) ||
    b.number - a.number
}

export function taskMatches(task: Task, filter: TaskFilter, nowMs: number): boolean {
  if (filter.states === 'open' && isDone(task)) return false
  if (filter.states === 'overdue' && !isLate(task, nowMs)) return false
  if (filter.states === 'above' && !isFromAbove(task)) return false
  if (filter.states === 'done' && !isDone(task)) return false
  const text = filter.text.trim().toLowerCase()
  if (!text) return true
  return `${task.number} ${task.to} ${task.by} ${task.note ?? ''} ${task.template ?? ''} ${task.hq_id ?? ''}`.toLowerCase().includes(text)
}

export const taskVerbs: readonly TaskVerb[] = ['accept', 'arrive', 'report', 'confirm', 'return', 'hand_back', 'cancel']

const from: Record<TaskVerb, string[]> = {
  accept: ['issued'],
  arrive: ['accepted', 'returned'],
  report: ['arrived', 'returned'],
  confirm: ['reported'],
  return: ['reported'],
  hand_back: ['issued', 'accepted', 'arrived', 'returned'],
  cancel: ['issued', 'accepted', 'arrived', 'returned'],
}
const issuers: readonly TaskVerb[] = ['confirm', 'return', 'cancel']

// may is the desk's table state × action × role, so that no button is offered
// that the box would refuse. The issuer confirms, or a lead; of an order from
// above a lead, in headquarters' place.
export function may(task: Task, verb: TaskVerb, me: Me | undefined): boolean {
  if (!me || !from[verb].includes(task.state)) return false
  const leads = me.role === 'lead' || me.role === 'admin'
  if (me.role === 'officer') return task.to === me.name && !issuers.includes(verb)
  if (!leads && me.role !== 'operator') return false
  return !issuers.includes(verb) || leads || (!isFromAbove(task) && task.by === me.name)
}

// asks is what the box wants to be told with a verb.
export function asks(task: Task, verb: TaskVerb): 'report' | 'reason' | undefined {
  if (verb === 'report') return 'report'
  if (verb === 'return' || verb === 'hand_back' || verb === 'cancel') return 'reason'
  return verb === 'confirm' && isFromAbove(task) ? 'reason' : undefined
}

// next is the verb that the state waits for.
export function next(task: Task): TaskVerb | undefined {
  const waits: Record<string, TaskVerb> = { issued: 'accept', accepted: 'arrive', arrived: 'report', returned: 'report', reported: 'confirm' }
  return waits[task.state]
}
