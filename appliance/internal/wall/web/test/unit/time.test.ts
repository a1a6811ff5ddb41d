import { describe, expect, it } from 'vitest'
import { ageParts, clockOrDate, clockTime, dayOf, parseStamp, runningClock } from '@/shared/time'

const at = Date.parse('2026-11-22T16:02:11.500Z') // 00:02:11 of the 23rd in Shanghai

describe('times', () => {
  it('parse a stamp, and nothing when there is none yet', () => {
    expect(parseStamp('2026-11-22T16:02:11.500Z')).toBe(at)
    expect(parseStamp('')).toBeUndefined()
    expect(parseStamp(undefined)).toBeUndefined()
    expect(parseStamp('soon')).toBeUndefined()
  })

  it.each([
    [-500, 'seconds', 0], [999, 'seconds', 0], [59_999, 'seconds', 59], [60_000, 'minutes', 0], [192_000, 'minutes', 12], [3_599_999, 'minutes', 59], [3_600_000, 'hours', 0], [90_000_000, 'days', 0],
  ])('%i ms is counted in %s', (ms, unit, s) => expect(ageParts(ms)).toMatchObject({ unit, s }))

  it('run a clock over the hour', () => {
    expect(runningClock(0)).toBe('00:00')
    expect(runningClock(192_400)).toBe('03:12')
    expect(runningClock(3_792_000)).toBe('1:03:12')
    expect(runningClock(-5)).toBe('00:00')
  })

  it('are the station\'s, whatever the browser\'s zone', () => {
    expect(clockTime(at, 'Asia/Shanghai')).toBe('00:02:11')
    expect(clockTime(at, 'Europe/Berlin')).toBe('17:02:11')
    expect(clockTime(at, 'Asia/Shanghai', false)).toBe('00:02')
    expect(dayOf(at, 'Asia/Shanghai')).toBe('2026-11-23')
  })

  it('name the day when it is not today', () => {
    expect(clockOrDate(at, at + 3_600_000, 'Asia/Shanghai')).toBe('00:02:11')
    expect(clockOrDate(at, at + 86_400_000, 'Asia/Shanghai')).toBe('11-23 00:02:11')
  })
})
