import { describe, expect, it } from 'vitest'
import { arrange, type Label } from '@/map/labels'

const label = (key: string, x: number, y: number, more: Partial<Label> = {}): Label =>
  ({ key, x, y, w: 60, h: 14, rank: 1, sides: ['right', 'left', 'above', 'below'], symbol: true, yields: false, ...more })

describe('labels', () => {
  it('stand to the right while there is room', () => {
    expect([...arrange([label('a', 0, 0), label('b', 200, 0)]).values()]).toEqual(['right', 'right'])
  })
  it('take another side where a more important one stands', () => {
    const sides = arrange([label('camera', 0, 0), label('pillar', 25, 0, { rank: 2 })])
    expect([sides.get('pillar'), sides.get('camera')]).toEqual(['right', 'left'])
  })
  it('never lie over a symbol', () => {
    expect(arrange([label('a', 0, 0), label('b', 40, 0, { sides: ['below'] })]).get('a')).toBe('left')
  })
  it('of a place give way; of a device they never do', () => {
    const crowd = ['a', 'b', 'c', 'd', 'e', 'f'].map((key) => label(key, 0, 0))
    const sides = arrange([...crowd, label('place', 0, 0, { rank: 0, symbol: false, yields: true })])
    expect(sides.get('place')).toBeUndefined()
    expect(crowd.every(({ key }) => sides.get(key))).toBe(true)
  })
  it('of a crowd of incidents are those of the most urgent', () => {
    const crowd = ['P3', 'P2', 'P1', 'P0'].map((key, urgency) => label(key, 8 * urgency, 0, { sides: ['over'], rank: 6 + urgency / 5, yields: key !== 'P0', symbol: false }))
    const sides = arrange([...crowd, label('far', 300, 0, { sides: ['over'], rank: 6, yields: true })])
    expect([...sides].filter(([, side]) => side).map(([key]) => key).sort()).toEqual(['P0', 'far'])
  })
  it('are the same whatever order they come in', () => {
    const all = [label('a', 0, 0), label('b', 5, 5), label('c', 9, 2)]
    expect(arrange([...all].reverse())).toEqual(arrange(all))
  })
})
