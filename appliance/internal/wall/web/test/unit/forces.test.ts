import { describe, expect, it } from 'vitest'
import { drawTrack } from '@/forces/track'
import { positionOf } from '@/forces/where'
import type { Fix, Unit } from '@/shared/types'

const fix = (minute: number, lat: number, lon: number): Fix => ({ person: 'zhang', at: new Date(minute * 60_000).toISOString(), position: { lat, lon } })

describe('a track', () => {
  it('is drawn north up, in its true proportions', () => {
    const drawn = drawTrack([fix(0, 60, 10), fix(1, 60.001, 10), fix(2, 60.001, 10.001)])!
    expect(drawn.points).toBe(3)
    expect(drawn.lines).toEqual(['0.0,1000.0 0.0,0.0 500.0,0.0']) // a degree of longitude is half as long there
  })
  it('says nothing of the time in which nothing was heard', () => {
    expect(drawTrack([fix(0, 1, 1), fix(1, 1, 2), fix(30, 2, 2), fix(31, 2, 1)])!.lines.length).toBe(2)
  })
  it('is none without positions, and a point where somebody stood still', () => {
    expect(drawTrack([])).toBeUndefined()
    expect(drawTrack([fix(0, 1, 1), fix(1, 1, 1)])!.lines).toEqual(['0.0,0.0 0.0,0.0'])
  })
})

describe('where a unit is', () => {
  const unit = (more: Partial<Unit>): Unit => ({ kind: 'person', id: 'zhang', name: '张伟', duty: { on: true, since: '', until: '' }, sendable: true, tasks: [], ...more })
  const asked = { ...fix(10, 1, 1), age_s: 0, stale: false }
  const now = 15 * 60_000
  const told = new Map([['zhang', fix(14, 1, 2)]])

  it('is what was heard last, asked for or told', () => {
    expect(positionOf(unit({ position: asked }), told, 300, now)).toMatchObject({ at: fix(14, 0, 0).at, age_s: 60, stale: false })
    expect(positionOf(unit({ position: { ...asked, at: fix(15, 0, 0).at } }), told, 300, now)).toMatchObject({ age_s: 0 })
    expect(positionOf(unit({ kind: 'team', id: 't1', crew: ['wang', 'zhang'] }), told, 300, now)).toMatchObject({ person: 'zhang' })
    expect(positionOf(unit({ kind: 'team', id: 't1', crew: ['wang'] }), told, 300, now)).toBeUndefined()
  })
  it('gets old though nobody asks again', () => {
    expect(positionOf(unit({ position: asked }), new Map(), 300, now - 1)?.stale).toBe(false)
    expect(positionOf(unit({ position: asked }), new Map(), 300, now)?.stale).toBe(true)
  })
  it('is not shown of who is off duty', () => {
    expect(positionOf(unit({ duty: { on: false, since: '', until: '' } }), told, 300, now)).toBeUndefined()
  })
})
