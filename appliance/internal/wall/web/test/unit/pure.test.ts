import { describe, expect, it } from 'vitest'
import { tallyCameras, tallyDevices, uplinkLag } from '@/device/summary'
import { axisRange, axisTicks } from '@/incident/axis'
import { boundsOf, graticule, moved, placePolygon, unbroken, viewCone } from '@/map/geo'
import { countEqual } from '@/map/scene'
import { countToday } from '@/review/today'
import type { Alert, Camera, Clip, Device, Incident, Uplink } from '@/shared/types'
import { openZones } from '@/video/zones'
import { makeClip, makeIncident, sampleRoom } from '../fixture/station.mjs'

const now = Date.parse('2026-11-22T04:00:00Z')
const make = (about: object) => makeIncident(1, 1, { at: now, ...about }).incident as unknown as Incident

describe('today', () => {
  it('counts what opened today by priority, drills apart', () => {
    const today = countToday([
      make({ priority: 'P0' }), make({ priority: 'P2', state: 'closed' }), make({ priority: 'P0', drill: true }), make({ priority: 'P1', at: now - 86_400_000 }),
    ], now, 'Asia/Shanghai')
    expect(today).toMatchObject({ opened: 2, closed: 1, drills: 1, byPriority: { P0: 1, P2: 1 }, answerMs: 8992, overdue: 1 })
  })
  it('has no median without answers', () => expect(countToday([], now, 'Asia/Shanghai').answerMs).toBeUndefined())
})

describe('tallies', () => {
  it('keep never heard apart from bad', () => {
    const { devices, cameras } = sampleRoom() as unknown as { devices: Device[]; cameras: Camera[] }
    expect(tallyDevices(devices, 'pillar')).toEqual({ total: 2, good: 1, bad: 0, unknown: 1 })
    expect(tallyCameras([{ ...cameras[0]!.live, live: false, age_ms: -1 }, { ...cameras[1]!.live, live: false, age_ms: 9000 }])).toEqual({ total: 2, good: 0, bad: 1, unknown: 1 })
    expect(uplinkLag({ lag: { alarm: 2, clip: 3 } } as unknown as Uplink)).toBe(5)
  })
})

describe('the axis', () => {
  it('covers alerts and clips and grows to now for five minutes, then breaks off', () => {
    const incident = make({})
    const clip = makeClip(incident, 'market', 'whole', 1) as unknown as Clip
    const { alert } = makeIncident(1, 1, { at: now }) as unknown as { alert: Alert }
    const soon = axisRange(incident, [clip], [alert], now + 120_000)
    expect(soon.from).toBeLessThan(now - 30_000)
    expect(soon.to).toBeGreaterThanOrEqual(now + 120_000)
    expect(soon.broken).toBe(false)
    const long = axisRange(incident, [clip], [alert], now + 86_400_000)
    expect(long).toEqual({ from: now - 36_000, to: now + 36_000, broken: true })
    expect(axisRange(incident, [], [{ ...alert, to: new Date(now + 600_000).toISOString() }], now + 601_000).to).toBe(now + 660_000)
    expect(axisTicks(soon, 8).length).toBeLessThanOrEqual(8)
    expect(axisTicks(soon, 8).every((ms) => ms % 5000 === 0)).toBe(true)
  })
})

describe('the map', () => {
  const camera = sampleRoom().cameras[0] as unknown as Camera
  it('draws a cone to the camera\'s range', () => {
    const ring = viewCone(camera, 'online')!.geometry.coordinates[0]!
    expect(ring[0]).toEqual(ring.at(-1))
    const [lon, lat] = moved(camera.position!, 90, 60)
    expect(Math.max(...ring.map(([x]) => x!))).toBeCloseTo(lon, 5)
    expect(lat).toBeCloseTo(camera.position!.lat, 6)
  })
  it('draws no cone where the angle is not known', () => {
    expect(viewCone({ ...camera, position: { ...camera.position!, fov: 0 } }, 'online')).toBeUndefined()
    expect(viewCone({ ...camera, position: undefined }, 'online')).toBeUndefined()
    expect(placePolygon({ id: 'x', name: 'x', polygon: [] })).toBeUndefined()
  })
  it('draws no line over what was not heard', () => {
    const point = (s: number) => ({ ms: s * 1000, at: [s, 0] as [number, number] })
    expect(unbroken([0, 1, 2, 40, 41, 90].map(point))).toEqual([[[0, 0], [1, 0], [2, 0]], [[40, 0], [41, 0]]])
    expect(unbroken([])).toEqual([])
  })
  it('keeps a least size and a grid of round metres', () => {
    const bounds = boundsOf([[115.99, 28.69]])!
    expect((bounds.north - bounds.south) * 111_320).toBeCloseTo(250, 0)
    const grid = graticule(bounds)
    expect(grid.metres).toBe(25)
    expect(grid.lines.features.length).toBeGreaterThan(10)
    expect(boundsOf([])).toBeUndefined()
  })
})

describe('a spot on the map', () => {
  it('names each kind once and counts only equal ones', () => {
    const times = (n: number) => `× ${n}`
    expect(countEqual(['一键报警', '火灾'], times)).toBe('一键报警 · 火灾')
    expect(countEqual(['一键报警', '火灾', '一键报警'], times)).toBe('一键报警 × 2 · 火灾')
  })
})

describe('zones', () => {
  it('are drawn only while a sighting in them is open', () => {
    const camera = sampleRoom().cameras[0] as unknown as Camera
    const { incident, alert } = makeIncident(1, 1, { kind: 'intrusion', device: 'gate-east', zone: 'yard' }) as unknown as { incident: Incident; alert: Alert }
    const incidents = new Map([[incident.id, incident]])
    expect(openZones(camera, [alert], incidents).map((z) => z.name)).toEqual(['yard'])
    expect(openZones(camera, [{ ...alert, ended: true }], incidents)).toEqual([])
    expect(openZones(camera, [alert], new Map([[incident.id, { ...incident, state: 'closed' as const }]]))).toEqual([])
    expect(openZones(camera, [{ ...alert, device: 'market' }], incidents)).toEqual([])
  })
})
