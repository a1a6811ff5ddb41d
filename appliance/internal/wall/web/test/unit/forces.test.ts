import { describe, expect, it } from 'vitest'
import { drawTrack } from '@/forces/track'
import type { Fix } from '@/shared/types'

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
