import { describe, expect, it } from 'vitest'
import { answers, marks, type Drill, type DrillRun } from '@/drill/drills'
import { nextOf, standing, tally, type Patrol, type Round } from '@/patrol/patrols'

const looked = (camera: string, at: string, seen = false) => ({ camera, at, seen, looked_ms: 0 })
const round = { cameras: [looked('a', '1', true), looked('b', ''), looked('c', '2'), looked('d', '')] } as unknown as Round

describe('a round', () => {
  it('goes on with the next camera that nobody signed', () => {
    expect([nextOf(round, -1), nextOf(round, 1), nextOf(round, 3)]).toEqual([1, 3, 1])
    expect(nextOf({ cameras: [looked('a', '1')] } as unknown as Round, 0)).toBe(-1)
  })
  it('counts what was seen', () => expect(tally(round)).toEqual({ of: 4, signed: 2, seen: 1, unseen: 1 }))
  it('stands as its times say', () => {
    const plan = { due: '2026-03-01T08:00:00.000Z', open: false } as Patrol
    const at = Date.parse(plan.due)
    expect([standing(plan, at - 1), standing(plan, at), standing({ ...plan, open: true }, at - 1), standing({ ...plan, due: '' }, at), standing({ ...plan, round }, at)]).toEqual(['waits', 'due', 'due', 'free', 'walked'])
  })
})

describe('a drill', () => {
  const run = {
    alert: 'a', incident: 'i', begun_at: '2026-03-01T08:00:00.000Z', stored_at: '2026-03-01T08:00:00.012Z', shown_at: '2026-03-01T08:00:02.500Z', acknowledged_at: '',
    uplinks: [{ uplink: 'hq', within_ms: 1 }], received: { hq: '2026-03-01T08:00:00.090Z' }, late: ['shown'], missing: [],
  } as unknown as DrillRun
  it('tells how long each step took', () => {
    expect(marks(run).map((m) => [m.step, m.ms, m.late])).toEqual([['stored', 12, false], ['shown', 2500, true], ['acknowledged', undefined, false], ['received', 90, false]])
    expect(marks({ ...run, alert: undefined, incident: undefined } as DrillRun).map((m) => m.step)).toEqual(['stored', 'received'])
  })
  it('answers the questions', () => {
    const one = { heard: false, stale: false } as Drill
    expect([answers(one, 'never_heard'), answers(one, 'never_drilled'), answers(one, 'stale'), answers(one, 'failed')]).toEqual([true, true, false, false])
    expect(answers({ ...one, last: { ...run, result: 'late' } }, 'failed')).toBe(true)
  })
})
