// What the list of orders shows, in which order, and who may do what. Pure.
import type { Me, Priority, Task, TaskKind, TaskVerb } from '@/shared/types'

export interface TaskFilter {
  text: string
  states: 'open' | 'overdue' | 'above' | 'done' | 'all'
  kind: TaskKind | ''
}

export const noTaskFilter: TaskFilter = { text: '', states: 'open', kind: '' }

export const taskKinds: readonly TaskKind[] = ['task', 'push', 'supervision', 'instruction', 'visit', 'patrol', 'work_order']

export const isDone = (task: Task) => ['confirmed', 'handed_back', 'cancelled'].includes(task.state)
// isOwing: the receiver still has to do something.
export const isOwing = (task: Task) => ['issued', 'accepted', 'arrived', 'returned'].includes(task.state)
export const isFromAbove = (task: Task) => Boolean(task.hq_id)
// timesOrdered: how often headquarters ordered the same; one report answers all.
export const timesOrdered = (task: Task) => task.hq_ids?.length ?? 1
const urgent: readonly Priority[] = ['P0', 'P1']

// unsigned are urgent instructions that nobody has signed for: they are shown
// at once, the most urgent and oldest first.
export function unsigned(tasks: Iterable<Task>): Task[] {
  return [...tasks].filter((task) => task.kind === 'instruction' && task.state === 'issued' && urgent.includes(task.priority))
    .sort((a, b) => a.priority.localeCompare(b.priority) || a.issued_at.localeCompare(b.issued_at))
}

// openSteps are the steps that nobody has ticked, from 1.
export const openSteps = (task: Task): number[] => (task.steps ?? []).flatMap((step, i) => (step.done_at ? [] : [i + 1]))

// lateness is what of an order is past its limit: its report, the judgement of
// that, or a step with a limit of its own.
export function lateness(task: Task, nowMs: number): 'report' | 'judge' | 'step' | undefined {
  const past = (stamp: string | undefined) => Date.parse(stamp ?? '') < nowMs // never, when there is none
  if (task.state === 'reported') return past(task.judge_by) ? 'judge' : undefined
  if (!isOwing(task)) return undefined
  if (past(task.limit)) return 'report'
  return task.steps?.some((step) => !step.done_at && past(step.limit)) ? 'step' : undefined
}
export const isLate = (task: Task, nowMs: number): boolean => lateness(task, nowMs) !== undefined
// isFlagged: its receiver, or who lets its report wait, was overdue too often.
export const isFlagged = (task: Task): boolean => Boolean(task.flagged) || judgeFlagged(task)
export const judgeFlagged = (task: Task): boolean => Boolean(task.unjudged_at && task.unjudged?.at(-1)?.flagged)

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
  if (filter.kind && task.kind !== filter.kind) return false
  const text = filter.text.trim().toLowerCase()
  if (!text) return true
  return `${task.number} ${task.to} ${task.to_name ?? ''} ${task.by} ${task.note ?? ''} ${task.title ?? ''} ${task.template ?? ''} ${(task.hq_ids ?? [task.hq_id ?? '']).join(' ')}`.toLowerCase().includes(text)
}

export const taskVerbs: readonly TaskVerb[] = ['accept', 'arrive', 'report', 'confirm', 'return', 'hand_back', 'cancel']

const from: Record<TaskVerb, string[]> = {
  accept: ['issued'],
  arrive: ['accepted', 'returned'],
  tick: ['accepted', 'arrived', 'returned'],
  report: ['arrived', 'returned'],
  confirm: ['reported'],
  return: ['reported'],
  hand_back: ['issued', 'accepted', 'arrived', 'returned'],
  cancel: ['issued', 'accepted', 'arrived', 'returned'],
}
const issuers: readonly TaskVerb[] = ['confirm', 'return', 'cancel']

// fits: a supervision order is seen and reported on; only a plain task must be
// arrived at before it is reported.
function fits(task: Task, verb: TaskVerb): boolean {
  if (task.kind === 'supervision') return verb === 'accept' ? task.state === 'issued' : verb === 'report' && ['issued', 'accepted'].includes(task.state)
  if (verb === 'tick' && !task.steps?.length) return false
  return from[verb].includes(task.state) || (verb === 'report' && task.state === 'accepted' && task.kind !== 'task')
}

// may is the desk's table state × kind × role, for as long as the box has not
// said itself what is possible. The issuer confirms, or who answers for the
// order, or a lead; of an order from above a lead, in headquarters' place.
export function may(task: Task, verb: TaskVerb, me: Me | undefined): boolean {
  if (!me || !fits(task, verb)) return false
  const leads = me.role === 'lead' || me.role === 'admin'
  if (task.kind === 'supervision' && !leads) return false
  if (me.role === 'officer') return task.to === me.name && !issuers.includes(verb)
  if (!leads && me.role !== 'operator') return false
  return !issuers.includes(verb) || leads || (!isFromAbove(task) && (task.by === me.name || task.owner === me.name))
}

// asks is what the box wants to be told with a verb.
export function asks(task: Task, verb: TaskVerb): 'report' | 'reason' | undefined {
  if (verb === 'report') return 'report'
  if (verb === 'return' || verb === 'hand_back' || verb === 'cancel') return 'reason'
  return verb === 'confirm' && isFromAbove(task) ? 'reason' : undefined
}

// next is the verb that the state waits for.
export function next(task: Task): TaskVerb | undefined {
  const waits: Record<string, TaskVerb> = { issued: 'accept', accepted: task.kind === 'task' ? 'arrive' : 'report', arrived: 'report', returned: 'report', reported: 'confirm' }
  return waits[task.state]
}
