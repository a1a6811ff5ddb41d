// Who takes what is no police work, and how it goes with each (分流).
import { useAsked } from '@/shared/asked'
import { useFresh } from '@/shared/fresh'
import type { Partner, RouteClass, RouteKind, Routing, Task } from '@/shared/types'
import { isDone, lateness } from '@/task/tasks'

// useRouting asks for partners and kinds once.
export function useRouting() {
  const { answer: routing, ...asked } = useAsked<Routing>('/routing')
  return { routing, ...asked }
}

// useLines asks for them again when a line stands otherwise or an order moves.
export function useLines() {
  const { answer: routing, problem, busy, at, load } = useAsked<Routing>('/routing', 0)
  useFresh(['routing', 'task'], load)
  return { routing, problem, busy, at, load }
}

// propose is the kind that a report asks for: one that names the reported kind,
// else the one whose name the words hold, the longest of these.
export function propose(classes: readonly RouteClass[], reported: string, words: string): RouteKind | undefined {
  const kinds = classes.flatMap((one) => one.kinds)
  const named = kinds.find((kind) => kind.reports.includes(reported) || kind.id === reported || kind.name === reported)
  if (named) return named
  return kinds.filter((kind) => words.includes(kind.name)).sort((a, b) => b.name.length - a.name.length)[0]
}

export type Line = 'phone' | 'up' | 'down'
export const lineOf = (partner: Partner): Line => (partner.kind === 'none' ? 'phone' : partner.connected ? 'up' : 'down')

// byTrouble: whom somebody must call first, then whom we wait for, then the rest
// as configured.
export function byTrouble(a: Partner, b: Partner): number {
  const rank = (p: Partner) => [p.overdue, p.set_aside, lineOf(p) === 'down' ? p.waiting : 0, p.reported, p.open].findIndex((n) => n > 0)
  const place = (p: Partner) => (rank(p) < 0 ? 9 : rank(p))
  return place(a) - place(b)
}

// wayOf is how far an order has come to its partner.
export type Way = 'phone' | 'aside' | 'waiting' | 'delivered'
export function wayOf(task: Task): Way {
  const order = task.order
  if (!order?.line) return 'phone'
  if (order.set_aside) return 'aside'
  return order.delivered_at ? 'delivered' : 'waiting'
}

// mayReply: the partner owes an answer, and somebody may write down what it
// said on the telephone.
export const mayReply = (task: Task) => !isDone(task) && task.state !== 'reported'

export const orderLate = (task: Task, nowMs: number) => lateness(task, nowMs) === 'report'
