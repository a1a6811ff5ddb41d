import { describe, expect, it } from 'vitest'
import { rowsOf } from '@/review/groups'
import { cellPolygon, nearestTo, placeOf } from '@/review/heat'
import { addDays, before, daysOf, isDate, periodOf, step } from '@/review/period'
import type { Place, Review } from '@/shared/types'

describe('a hot square', () => {
  const pillar = { name: 'pillar', position: { lat: 28.6902, lon: 115.9914 } }
  const things: { name: string; position?: { lat: number; lon: number } }[] = [{ name: 'nowhere' }, { name: 'far', position: { lat: 28.7, lon: 115.9914 } }, pillar]
  it('is called by what stands near, not by what is far', () => {
    expect(nearestTo({ lat: 28.6897, lon: 115.9914 }, things, 100)).toBe(pillar) // 56 m
    expect(nearestTo({ lat: 28.6897, lon: 115.9914 }, things, 50)).toBeUndefined()
  })
})

describe('a period', () => {
  const today = '2026-03-05' // a Thursday
  it.each([
    ['day', '2026-03-05', '2026-03-05', '2026-03-05'],
    ['week', '2026-03-05', '2026-03-02', '2026-03-05'],
    ['week', '2026-03-01', '2026-02-23', '2026-03-01'],
    ['month', '2026-02-10', '2026-02-01', '2026-02-28'],
    ['month', '2026-03-05', '2026-03-01', '2026-03-05'],
  ] as const)('%s of %s is %s to %s', (span, date, from, to) => expect(periodOf(span, date, today)).toEqual({ from, to }))

  it.each([
    ['day', '2026-03-01', '2026-03-01', '2026-02-28', '2026-02-28'],
    ['week', '2026-03-02', '2026-03-05', '2026-02-23', '2026-02-26'], // half a week beside half a week
    ['month', '2026-03-01', '2026-03-05', '2026-02-01', '2026-02-05'],
    ['month', '2026-03-01', '2026-03-31', '2026-02-01', '2026-02-28'],
    ['month', '2026-03-01', '2026-03-30', '2026-02-01', '2026-02-28'],
    ['month', '2024-02-01', '2024-02-29', '2024-01-01', '2024-01-31'],
    ['free', '2026-03-02', '2026-03-04', '2026-02-27', '2026-03-01'],
  ] as const)('before the %s %s to %s is %s to %s', (span, from, to, was, until) => expect(before(span, { from, to })).toEqual({ from: was, to: until }))

  it('is walked', () => {
    expect(step('month', { from: '2026-01-01', to: '2026-01-31' }, -1)).toBe('2025-12-01')
    expect(step('week', { from: '2026-03-02', to: '2026-03-05' }, -1)).toBe('2026-02-23')
    expect(step('day', { from: '2026-03-02', to: '2026-03-02' }, 1)).toBe('2026-03-03')
    expect(addDays('2024-02-28', 1)).toBe('2024-02-29')
    expect(daysOf({ from: '2026-02-27', to: '2026-03-01' })).toBe(3)
    expect([isDate('2026-02-30'), isDate('x'), isDate(undefined), isDate('2026-02-28')]).toEqual([false, false, false, true])
  })
})

describe('rows of a group', () => {
  const review = {
    groups: { hour: [{ key: '09', name: '', incidents: 3, false_alarms: 1 }], kind: [{ key: 'theft', name: '', incidents: 2, false_alarms: 0 }] },
    compared: { groups: { kind: [{ key: 'theft', name: '', before: 5 }, { key: 'fight', name: '', before: 1 }] } },
  } as unknown as Review

  it('name every hour, and what was counted in the period before only', () => {
    const hour = rowsOf(review, 'hour', (key) => key, ['08', '09'])
    expect(hour.map((row) => [row.key, row.now, row.before])).toEqual([['08', 0, 0], ['09', 3, 0]])
    expect(rowsOf(review, 'kind', (key) => key).map((row) => [row.key, row.now, row.before])).toEqual([['theft', 2, 5], ['fight', 0, 1]])
  })
})

describe('a hot square', () => {
  it('is as wide as it says, around its middle', () => {
    const ring = cellPolygon({ lat: 28.69, lon: 115.99, size_m: 100, incidents: 3, false_alarms: 0 }, 6).geometry.coordinates[0]!
    const [west, south] = ring[0]!
    const [east, north] = ring[2]!
    expect((north! - south!) * 111_320).toBeCloseTo(100, 3)
    expect((east! - west!) * 111_320 * Math.cos((28.69 * Math.PI) / 180)).toBeCloseTo(100, 2)
  })
  it('is named by the place around it', () => {
    const place = { id: 'a', name: 'A', polygon: [[28, 115], [28, 116], [29, 116], [29, 115]] } as Place
    expect(placeOf({ lat: 28.5, lon: 115.5 }, [place])?.id).toBe('a')
    expect(placeOf({ lat: 27.5, lon: 115.5 }, [place])).toBeUndefined()
  })
})
