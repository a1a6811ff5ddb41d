import { describe, expect, it } from 'vitest'
import { recordedMs, wallTime } from '../../src/access/holds'
import { blindMs, listed } from '../../src/device/blinds'
import { secondsADay, side, span } from '../../src/device/clock'
import type { Blind } from '../../src/shared/types'

const clock = (offset_ms: number, uncertainty_ms = 20) => ({ known: true, offset_ms, uncertainty_ms })

describe("a camera's clock", () => {
  it('is off only by more than is known of it', () => {
    expect(side(clock(15))).toBe('even')
    expect(side(clock(-21))).toBe('behind')
    expect(side(clock(2310))).toBe('ahead')
    expect(side(clock(0.5, 0))).toBe('even')
  })
  it('is said as people read it', () => {
    expect(span(-231)).toEqual({ n: '231', unit: 'ms' })
    expect(span(-2310)).toEqual({ n: '2.31', unit: 's' })
    expect(span(90_400)).toEqual({ n: '90.4', unit: 's' })
    expect(secondsADay(-21.4)).toBeCloseTo(-1.85, 2)
  })
})

const blind = (kind: string, from: string, to: string, cause = 'camera'): Blind => ({ camera: 'east', name: '东门', kind, from: `2026-11-22T${from}Z`, to: to && `2026-11-22T${to}Z`, cause })

describe('blind intervals', () => {
  const all = [blind('unrecorded', '01:00:00', '02:00:00'), blind('unseen', '03:00:00', ''), blind('unanalysed', '00:00:00', '', 'plan'), blind('unseen', '04:00:00', '04:30:00')]
  it('are listed open ones first, then the newest, without what is configured so', () => {
    expect(listed(all, false).map((b) => b.from.slice(11, 16))).toEqual(['03:00', '04:00', '01:00'])
    expect(listed(all, true)).toHaveLength(4)
  })
  it('are summed within the day, open ones until now', () => {
    const sums = blindMs(all, Date.parse('2026-11-22T01:30:00Z'), Date.parse('2026-11-23T01:30:00Z'), Date.parse('2026-11-22T03:10:00Z'))
    expect(sums.get('unrecorded')).toBe(30 * 60_000)
    expect(sums.get('unseen')).toBe(40 * 60_000)
  })
})

describe('holds', () => {
  it("read typed times as the station's, also on a day whose clocks are changed", () => {
    expect(wallTime('2026-11-22T08:30', 'Asia/Shanghai')).toBe(Date.parse('2026-11-22T00:30:00Z'))
    expect(wallTime('2026-03-29T14:00:05', 'Europe/Berlin')).toBe(Date.parse('2026-03-29T12:00:05Z'))
    expect(wallTime('', 'Asia/Shanghai')).toBeUndefined()
  })
  it('say how much they name', () => {
    expect(recordedMs({ id: 'h', reason: '', by: '', at: '', snapshots: [], spans: [{ device: 'east', from: '2026-11-22T00:00:00Z', to: '2026-11-22T00:02:00Z' }] })).toBe(120_000)
  })
})
