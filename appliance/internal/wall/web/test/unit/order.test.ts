import { describe, expect, it } from 'vitest'
import { byUrgency, cameAt, floodFrom, foldFloods, isUnanswered, isUnclaimed, matches, noFilter, unansweredP0, wasAt } from '@/incident/order'
import type { Incident } from '@/shared/types'
import { wallCameras } from '@/video/wallCameras'
import { makeIncident } from '../fixture/station.mjs'

let number = 0
const make = (about: object = {}) => makeIncident(++number, number, { at: 1_700_000_000_000 + number * 1000, ...about }).incident as unknown as Incident
const word = (kind: string) => (kind === 'theft' ? '盗窃' : kind)

describe('order', () => {
  it('is priority, then unanswered, then the newest; closed last', () => {
    const closed = make({ priority: 'P0', state: 'closed' })
    const low = make({ priority: 'P3' })
    const answered = make({ priority: 'P1', state: 'acknowledged' })
    const old = make({ priority: 'P1' })
    const fresh = make({ priority: 'P1' })
    expect([closed, low, answered, old, fresh].sort(byUrgency)).toEqual([fresh, old, answered, low, closed])
  })

  it('puts what nobody has claimed between the unanswered and the claimed', () => {
    const reopened = { ...make({ priority: 'P1', state: 'acknowledged' }), claimed_by: undefined } as Incident
    const claimed = make({ priority: 'P1', state: 'acknowledged' })
    const fresh = make({ priority: 'P1' })
    expect([claimed, reopened, fresh].sort(byUrgency)).toEqual([fresh, reopened, claimed])
    expect([claimed, reopened, fresh].map(isUnclaimed)).toEqual([false, true, false])
  })

  it('gives the screen to the P0 that waits longest, drills too', () => {
    const first = make({ priority: 'P0' })
    const second = make({ priority: 'P0', drill: true })
    expect(unansweredP0([second, make({ priority: 'P1' }), make({ priority: 'P0', state: 'acknowledged' }), first])).toEqual([first, second])
  })
})

describe('a press after the answer', () => {
  const pressedAt = 1_700_000_900_000
  const again = () => make({ priority: 'P0', state: 'acknowledged', unanswered: 2, pressedAt })

  it('rings, and its time is what counts', () => {
    const one = again()
    expect(isUnanswered(one)).toBe(true)
    expect([cameAt(one), wasAt(one)]).toEqual([new Date(pressedAt).toISOString(), new Date(pressedAt).toISOString()])
    expect(unansweredP0([one, make({ priority: 'P0', state: 'acknowledged' })])).toEqual([one])
    const answered = make({ priority: 'P0', state: 'acknowledged' })
    expect([answered, one].sort(byUrgency)).toEqual([one, answered])
    expect(isUnanswered(make({ state: 'closed', unanswered: 1 }))).toBe(false)
    expect([cameAt(answered), wasAt(answered)]).toEqual([answered.opened_at, answered.occurred_at])
  })

  it('never folds away', () => {
    const quiet = Array.from({ length: 6 }, () => make({ priority: 'P0', state: 'acknowledged' }))
    const one = again()
    const rows = foldFloods([...quiet, one].sort(byUrgency))
    expect(rows.map((row) => row.folded.length)).toEqual([1, 6])
    expect(rows[0]!.incident).toBe(one)
    const talk = make({ priority: 'P1', state: 'acknowledged', unanswered: 1 })
    const others = Array.from({ length: 5 }, () => make({ priority: 'P1', state: 'acknowledged' }))
    expect(foldFloods([...others, talk].sort(byUrgency))[0]!.incident).toBe(talk)
  })
})

describe('filter', () => {
  it('finds by word, place, number and person', () => {
    const one = make({ kind: 'theft', priority: 'P2', state: 'acknowledged', by: 'lin', place: { name: '农贸市场' } })
    for (const text of ['盗窃', '农贸', 'LIN', String(one.number)]) expect(matches(one, { ...noFilter, text }, 'chen', word)).toBe(true)
    expect(matches(one, { ...noFilter, text: '步行街' }, 'chen', word)).toBe(false)
    expect(matches(one, { ...noFilter, states: 'mine' }, 'chen', word)).toBe(false)
    expect(matches(one, { ...noFilter, states: 'mine' }, 'lin', word)).toBe(true)
    expect(matches(one, { ...noFilter, states: 'closed' }, 'lin', word)).toBe(false)
    expect(matches(one, { ...noFilter, priorities: ['P0'] }, 'lin', word)).toBe(false)
  })
})

describe('a flood', () => {
  const flood = (n: number, about: object = {}) => Array.from({ length: n }, () => make({ kind: 'loitering', priority: 'P3', ...about })).sort(byUrgency)

  it('folds into one row that stands for all', () => {
    const rows = foldFloods(flood(6))
    expect(rows).toHaveLength(1)
    expect(rows[0]!.folded).toHaveLength(6)
    expect(rows[0]!.incident).toBe(rows[0]!.folded[0])
  })

  it('does not fold few, nor other places, nor other times', () => {
    expect(foldFloods(flood(floodFrom - 1))).toHaveLength(floodFrom - 1)
    const apart = [...flood(2), ...flood(2, { place: { name: '别处' } })].sort(byUrgency)
    expect(foldFloods(apart)).toHaveLength(4)
    const hours = Array.from({ length: 5 }, (_, i) => make({ kind: 'loitering', priority: 'P3', at: 1_700_000_000_000 + i * 3_600_000 })).sort(byUrgency)
    expect(foldFloods(hours)).toHaveLength(5)
  })

  it('never folds an unanswered P0', () => {
    expect(foldFloods(flood(6, { kind: 'alarm', priority: 'P0' }))).toHaveLength(6)
    expect(foldFloods(flood(6, { kind: 'alarm', priority: 'P0', state: 'acknowledged' }))).toHaveLength(1)
  })

  it('opens when asked to, and loses nobody', () => {
    const many = flood(6)
    const [row] = foldFloods(many)
    expect(foldFloods(many, new Set([row!.key])).map((r) => r.incident)).toEqual(many)
  })
})

describe('the wall\'s cameras', () => {
  const all = ['a', 'b', 'c', 'd', 'e']
  it('are the configured ones, and those of urgent incidents in their place', () => {
    expect(wallCameras(all, [], [], 3)).toEqual(['a', 'b', 'c'])
    expect(wallCameras(all, [make({ priority: 'P1', cameras: ['e', 'gone'] })], [], 3)).toEqual(['a', 'b', 'e'])
    expect(wallCameras(all, [make({ priority: 'P1', state: 'closed', cameras: ['e'] })], [], 3)).toEqual(['a', 'b', 'c'])
  })
  it('are what was asked for', () => expect(wallCameras(all, [make({ cameras: ['e'] })], ['d', 'x'], 3)).toEqual(['d']))
})
