import { describe, expect, it } from 'vitest'
import type { Me, Task, TaskVerb } from '@/shared/types'
import { asks, byNeed, isFlagged, isLate, lateness, may, next, noTaskFilter, openSteps, taskMatches, taskVerbs, unsigned } from '@/task/tasks'

const now = Date.parse('2026-03-01T12:00:00Z')
const task = (about: Partial<Task> = {}): Task => ({
  id: 't1', number: 1, kind: 'task', state: 'issued', priority: 'P2', drill: false, to: 'wu', by: 'chen', issued_at: '', accepted_at: '', arrived_at: '', reported_at: '', ended_at: '', limit: '', next: '',
  overdue_at: '', supervised: 0, history: [], touched: 1, ...about,
})
const me = (name: string, role: Me['role']): Me => ({ name, role, anonymous: false })
const verbs = (t: Task, who: Me | undefined) => taskVerbs.filter((verb) => may(t, verb, who)).join(' ')

describe("may is the desk's table", () => {
  it.each([
    ['issued', 'accept hand_back cancel'], ['accepted', 'arrive hand_back cancel'], ['arrived', 'report hand_back cancel'], ['returned', 'arrive report hand_back cancel'],
    ['reported', 'confirm return'], ['confirmed', ''], ['handed_back', ''], ['cancelled', ''],
  ] as [Task['state'], string][])('%s: %s', (state, possible) => {
    expect(verbs(task({ state }), me('chen', 'operator'))).toBe(possible)
    expect(verbs(task({ state }), me('li', 'lead'))).toBe(possible)
    const without = possible.split(' ').filter((verb) => !['confirm', 'return', 'cancel'].includes(verb)).join(' ')
    expect(verbs(task({ state }), me('sun', 'operator')), 'another operator').toBe(without)
    expect(verbs(task({ state }), me('wu', 'officer')), 'the receiver').toBe(without)
    expect(verbs(task({ state }), me('he', 'officer')), 'another officer').toBe('')
    expect(verbs(task({ state }), me('tv', 'wall'))).toBe('')
    expect(verbs(task({ state }), undefined)).toBe('')
  })

  it('leaves the confirming of an order from above to headquarters, or a lead with a reason', () => {
    const above = task({ state: 'reported', hq_id: 'T-1', uplink: 'hq', by: 'hq' })
    expect(verbs(above, me('chen', 'operator'))).toBe('')
    expect(verbs(above, me('li', 'lead'))).toBe('confirm return')
    expect(asks(above, 'confirm')).toBe('reason')
  })

  it('goes by the kind of the order', () => {
    expect(verbs(task({ kind: 'instruction', state: 'accepted' }), me('li', 'lead'))).toBe('arrive report hand_back cancel')
    expect(verbs(task({ kind: 'supervision' }), me('li', 'lead'))).toBe('accept report')
    expect(verbs(task({ kind: 'supervision' }), me('chen', 'operator'))).toBe('')
    expect(may(task({ state: 'accepted' }), 'tick', me('chen', 'operator'))).toBe(false)
    expect(may(task({ state: 'accepted', steps: [{ name: '到场', limit: '', done_at: '' }] }), 'tick', me('chen', 'operator'))).toBe(true)
    expect(verbs(task({ state: 'reported', by: 'sun', owner: 'chen' }), me('chen', 'operator'))).toBe('confirm return')
    expect(next(task({ kind: 'visit', state: 'accepted' }))).toBe('report')
  })
})

it('shows urgent instructions that nobody has signed for', () => {
  const order = (id: string, about: Partial<Task>) => task({ id, kind: 'instruction', priority: 'P1', issued_at: '2026-03-01T12:00:00Z', ...about })
  const list = [order('p1', {}), order('older', { issued_at: '2026-03-01T11:00:00Z' }), order('p0', { priority: 'P0' }), order('p2', { priority: 'P2' }), order('signed', { state: 'accepted' }), order('task', { kind: 'task' })]
  expect(unsigned(list).map((one) => one.id)).toEqual(['p0', 'older', 'p1'])
})

it('counts the steps that are open', () => {
  expect(openSteps(task())).toEqual([])
  expect(openSteps(task({ steps: [{ name: 'a', limit: '', done_at: 'x' }, { name: 'b', limit: '', done_at: '' }] }))).toEqual([2])
})

it('asks for what the box wants to know', () => {
  const asked = Object.fromEntries(taskVerbs.map((verb) => [verb, asks(task(), verb)])) as Record<TaskVerb, unknown>
  expect(asked).toEqual({ accept: undefined, arrive: undefined, report: 'report', confirm: undefined, return: 'reason', hand_back: 'reason', cancel: 'reason' })
  expect(['issued', 'accepted', 'arrived', 'reported', 'returned', 'confirmed'].map((state) => next(task({ state: state as Task['state'] })))).toEqual(['accept', 'arrive', 'report', 'confirm', 'report', undefined])
})

it('sorts what is late first, then what waits for a confirmation, and the ended last', () => {
  const list = [
    task({ id: 'done', state: 'confirmed', ended_at: '2026-03-01T11:00:00Z' }), task({ id: 'none' }), task({ id: 'soon', limit: '2026-03-01T12:10:00Z' }),
    task({ id: 'p1', priority: 'P1' }), task({ id: 'reported', state: 'reported', limit: '2026-03-01T11:00:00Z' }), task({ id: 'late', limit: '2026-03-01T11:59:00Z' }),
    task({ id: 'newer', state: 'cancelled', ended_at: '2026-03-01T11:30:00Z' }),
  ]
  expect(list.sort(byNeed(now)).map((one) => one.id)).toEqual(['late', 'reported', 'p1', 'soon', 'none', 'newer', 'done'])
  expect(isLate(list[1]!, now), 'what is reported is not late').toBe(false)
})

it('says what of an order is late', () => {
  const past = '2026-03-01T11:59:00Z'
  const steps = [{ name: '到场', limit: past, done_at: '' }]
  expect([
    lateness(task({ limit: past, steps }), now), lateness(task({ steps }), now), lateness(task({ steps: [{ ...steps[0]!, done_at: past }] }), now),
    lateness(task({ state: 'reported', judge_by: past, limit: past, steps }), now), lateness(task({ state: 'reported', judge_by: '2026-03-01T12:30:00Z' }), now),
    lateness(task({ state: 'reported' }), now), lateness(task({ state: 'cancelled', limit: past, steps }), now), lateness(task(), now),
  ]).toEqual(['report', 'step', undefined, 'judge', undefined, undefined, undefined, undefined])
  const unjudged = [{ by: 'li', at: past, flagged: true }]
  expect([isFlagged(task()), isFlagged(task({ flagged: true })), isFlagged(task({ unjudged })), isFlagged(task({ unjudged, unjudged_at: past }))]).toEqual([false, true, false, true])
})

it('filters by state and by text', () => {
  const all = [task(), task({ state: 'cancelled' }), task({ hq_id: 'T-9' }), task({ limit: '2026-03-01T11:00:00Z' })]
  const count = (filter: Partial<typeof noTaskFilter>) => all.filter((one) => taskMatches(one, { ...noTaskFilter, ...filter }, now)).length
  expect([count({}), count({ states: 'overdue' }), count({ states: 'above' }), count({ states: 'done' }), count({ states: 'all' }), count({ kind: 'visit' })]).toEqual([3, 1, 1, 1, 4, 0])
  expect([count({ text: 't-9' }), count({ text: 'wu' }), count({ text: 'nobody' })]).toEqual([1, 3, 0])
})
