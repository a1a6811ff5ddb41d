import { describe, expect, it } from 'vitest'
import { clipsOf, foldForces, foldResource, foldRoom, foldState, type Folded } from '@/shared/fold'
import type { Clip, Incident, Room, State } from '@/shared/types'
import { makeClip, makeIncident, sampleRoom } from '../fixture/station.mjs'

function empty(): Folded {
  const map = () => new Map<string, never>()
  return {
    incidents: map(), alerts: map(), clips: map(), tasks: map(), devices: map(), uplinks: map(), cameras: map(), cameraStates: map(), pillars: map(), drones: map(), telemetry: map(), places: map(), warnings: map(), deliveries: map(), units: map(), fixes: map(),
  }
}
const incident = (touched: number, more: object = {}) => ({ ...makeIncident(1, touched).incident, id: 'i1', ...more }) as Incident

describe('the room', () => {
  it('replaces whole what was there, and drops what is gone', () => {
    const folded = empty()
    foldResource(folded, 'incident', incident(5))
    const room = sampleRoom() as unknown as Room
    foldRoom(folded, room)
    expect(folded.incidents.size).toBe(0)
    expect([...folded.cameras.keys()]).toEqual(['gate-east', 'street-south', 'market'])
    expect(folded.cameraStates.get('market')?.live).toBe(true)
    foldRoom(folded, { ...room, cameras: [] })
    expect(folded.cameras.size).toBe(0)
  })

  it('keeps where people were heard last, until their duty changes', () => {
    const folded = empty()
    const fix = (person: string, lat: number) => ({ person, at: '2026-01-01T00:00:00Z', position: { lat, lon: 1 } })
    foldForces(folded, { changed: [], positions: [fix('zhang', 1), fix('liu', 1)] })
    foldForces(folded, { changed: ['person/liu', 'team/t1'], positions: [fix('zhang', 2)] })
    expect([...folded.fixes.values()]).toEqual([fix('zhang', 2)])
  })

  it('takes lists that are null', () => {
    const folded = empty()
    foldRoom(folded, { ...(sampleRoom() as unknown as Room), incidents: null as never })
    expect(folded.incidents.size).toBe(0)
  })

  it('never goes back to an older version', () => {
    const folded = empty()
    foldResource(folded, 'incident', incident(7, { state: 'acknowledged' }))
    foldResource(folded, 'incident', incident(6, { state: 'open' }))
    expect(folded.incidents.get('i1')?.state).toBe('acknowledged')
    foldResource(folded, 'incident', incident(7, { state: 'closed' }))
    expect(folded.incidents.get('i1')?.state).toBe('closed')
  })

  it('keeps devices of equal id apart by type', () => {
    const folded = empty()
    for (const type of ['camera', 'pillar']) foldResource(folded, 'device', { id: 'x', type, name: 'x', state: 'online', since: '', touched: 1 })
    foldResource(folded, 'uplink', { id: 'hq', type: 'uplink', name: 'hq', state: 'online', since: '', touched: 1 })
    expect([...folded.devices.keys()]).toEqual(['camera/x', 'pillar/x', 'uplink/hq'])
  })

  it('takes live facts and drops warnings that are over', () => {
    const folded = empty()
    const room = sampleRoom() as unknown as Room
    foldRoom(folded, { ...room, warnings: [{ code: 'disk_full', title: '', text: '', severity: 'critical', since: '' }] })
    const state: State = { at: '', cameras: [{ ...room.cameras[0]!.live, live: false }], drones: [{ drone: 'uav-1', at: '' }], uplinks: [], warnings: [], deliveries: [], units: [] }
    foldState(folded, state)
    expect(folded.cameraStates.get('gate-east')?.live).toBe(false)
    expect(folded.cameraStates.get('market')?.live).toBe(true)
    expect(folded.telemetry.has('uav-1')).toBe(true)
    expect(folded.warnings.size).toBe(0)
  })
})

describe('clips', () => {
  const made = makeIncident(1, 1).incident
  const part = (name: string, more: object = {}) => ({ ...makeClip(made, 'market', name, 1), ...more }) as Clip

  it('give the whole clip in place of its part 1', () => {
    expect(clipsOf([part('1'), part('whole')], made.id).map((c) => c.part)).toEqual(['whole'])
    expect(clipsOf([part('whole'), part('1')], made.id).map((c) => c.part)).toEqual(['whole'])
    expect(clipsOf([part('1')], made.id).map((c) => c.part)).toEqual(['1'])
  })

  it('give part 1 where only its bytes are left', () => {
    expect(clipsOf([part('1'), part('whole', { evicted: 'budget' })], made.id).map((c) => c.part)).toEqual(['1'])
    expect(clipsOf([part('1', { evicted: 'superseded' }), part('whole')], made.id).map((c) => c.part)).toEqual(['whole'])
  })

  it('give those of one incident only', () => expect(clipsOf([part('1')], 'other')).toEqual([]))
})
