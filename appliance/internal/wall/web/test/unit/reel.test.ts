import { describe, expect, it } from 'vitest'
import { matches } from '@/device/search'
import { bars, blankAt, chunkAt, chunkMs, dayStart, edge, nextStart, otherDay, reelOf, spanAt, ticks, zoom, type Reel } from '@/playback/reel'

const noon = Date.parse('2026-03-01T12:00:00Z')
const s = (seconds: number) => noon + seconds * 1000
const stamp = (seconds: number) => new Date(s(seconds)).toISOString()
const reel: Reel = { camera: 'gate', recorded: [{ from: s(0), to: s(300) }, { from: s(360), to: s(400) }], blank: [{ from: s(300), to: s(360), cause: 'camera', why: 'x' }] }

describe('a reel', () => {
  it('is what is recorded and why the rest is not', () => {
    const got = reelOf({ as_of: '', camera: 'gate', from: '', to: '', recorded: [{ from: stamp(0), to: stamp(9) }], recorded_ms: 0, unrecorded_ms: 0, blind: [
      { camera: 'gate', name: '', kind: 'unseen', from: stamp(9), to: '' },
      { camera: 'gate', name: '', kind: 'unrecorded', from: stamp(9), to: '', cause: 'disk', why: 'full' },
    ] }, s(20))
    expect(got).toEqual({ camera: 'gate', recorded: [{ from: s(0), to: s(9) }], blank: [{ from: s(9), to: s(20), cause: 'disk', why: 'full' }] })
  })

  it('is asked for in stretches that end with the recording', () => {
    expect(chunkAt(reel, s(10))).toEqual({ from: s(10), to: s(10) + chunkMs })
    expect(chunkAt(reel, s(290))).toEqual({ from: s(290), to: s(300) })
    expect(chunkAt(reel, s(299.8))).toBeUndefined()
    expect(chunkAt(reel, s(320))).toBeUndefined()
    expect(spanAt(reel, s(320))).toBeUndefined()
    expect(blankAt(reel, s(320))?.cause).toBe('camera')
  })

  it('goes on where any recording does', () => {
    expect(nextStart([reel], s(320))).toBe(s(360))
    expect(nextStart([reel, { ...reel, recorded: [{ from: s(330), to: s(340) }] }], s(320))).toBe(s(330))
    expect(nextStart([reel], s(500))).toBeUndefined()
    expect(edge([reel], s(320), false)).toBe(s(300))
    expect(edge([reel], s(320), true)).toBe(s(360))
    expect(edge([reel], s(0), false)).toBeUndefined()
  })
})

describe('a line', () => {
  const day = { from: noon, to: noon + 86_400_000 }
  it('zooms about a time and stays within the day', () => {
    const near = zoom(day, 0.5, noon, day)
    expect(near).toEqual({ from: noon, to: noon + 43_200_000 })
    expect(zoom(near, 100, noon, day)).toEqual(day)
    const tight = zoom(day, 1e-9, s(43_200), day)
    expect(tight.to - tight.from).toBe(300_000)
  })

  it('draws what is too short to be seen', () => {
    expect(bars([{ from: s(100), to: s(101) }], day, 0, 10)).toMatch(/^M1\.16 0h0\.80v10H1\.16z$/)
    expect(bars([{ from: s(-100), to: s(-50) }], day, 0, 10)).toBe('')
  })

  it('has marks that have room', () => {
    expect(ticks(day, 12)).toHaveLength(12 + 1)
    expect(ticks({ from: noon, to: noon + 600_000 }, 12)).toHaveLength(11)
  })
})

it('a day begins at midnight of the station', () => {
  expect(new Date(dayStart('2026-11-22', 'Asia/Shanghai')).toISOString()).toBe('2026-11-21T16:00:00.000Z')
  expect(new Date(dayStart('2026-03-29', 'Europe/Berlin')).toISOString()).toBe('2026-03-28T23:00:00.000Z')
  expect(new Date(dayStart('2026-03-30', 'Europe/Berlin')).toISOString()).toBe('2026-03-29T22:00:00.000Z')
  expect(otherDay('2026-03-01', -1)).toBe('2026-02-28')
})

it('a camera is found by name, id, group and pinyin', () => {
  const camera = { id: 'street-south', name: '步行街南口', groups: ['街面'], pinyin: 'bxjnk buxingjienankou' }
  for (const asked of ['', '步行', 'STREET', 'bxj', 'buxing', '街面 bxj']) expect(matches(camera, asked), asked).toBe(true)
  for (const asked of ['xyz', 'bxj 市场']) expect(matches(camera, asked), asked).toBe(false)
})
