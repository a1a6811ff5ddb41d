// The room as the wall holds it: resources by id, replaced whole. Pure but for
// the maps it is given, so that tests need neither a browser nor a server.
import type {
  Alert, Camera, CameraState, Clip, Device, Drone, Fix, ForcesNews, Incident, IncidentDelivery, Pillar, Place, Room, State, Task, Telemetry,
  Unit, Uplink, Warning,
} from './types'

export interface Folded {
  incidents: Map<string, Incident>
  alerts: Map<string, Alert>
  clips: Map<string, Clip> // "{id}/{part}"
  tasks: Map<string, Task>
  devices: Map<string, Device> // "{type}/{id}"
  uplinks: Map<string, Uplink>
  cameras: Map<string, Camera>
  cameraStates: Map<string, CameraState>
  pillars: Map<string, Pillar>
  drones: Map<string, Drone>
  telemetry: Map<string, Telemetry>
  places: Map<string, Place>
  warnings: Map<string, Warning>
  deliveries: Map<string, IncidentDelivery> // of open incidents
  units: Map<string, Unit> // on duty: "{kind}/{id}"
  fixes: Map<string, Fix> // where people on duty were heard last, newer than what a page asked for
}

export const resourceKinds = ['incident', 'task', 'alert', 'device', 'uplink', 'clip'] as const
export type ResourceKind = (typeof resourceKinds)[number]
// What the stream tells of without the room keeping it: pages ask for it.
export const otherKinds = ['patrol', 'drill', 'handover', 'forces', 'routing'] as const
export type NewsKind = ResourceKind | (typeof otherKinds)[number]

function refill<T>(map: Map<string, T>, items: readonly T[] | null | undefined, key: (item: T) => string) {
  const kept = new Set<string>()
  for (const item of items ?? []) {
    kept.add(key(item))
    map.set(key(item), item)
  }
  for (const id of [...map.keys()]) if (!kept.has(id)) map.delete(id)
}

const clipKey = (c: Clip) => `${c.id}/${c.part}`
const deviceKey = (d: Device) => `${d.type}/${d.id}`
const warningKey = (w: Warning) => `${w.code}/${w.subject ?? ''}`

export function foldRoom(into: Folded, room: Room) {
  refill(into.incidents, room.incidents, (i) => i.id)
  refill(into.alerts, room.alerts, (a) => a.id)
  refill(into.clips, room.clips, clipKey)
  refill(into.tasks, room.tasks, (task) => task.id)
  refill(into.devices, room.devices, deviceKey)
  refill(into.uplinks, room.uplinks, (u) => u.name)
  refill(into.cameras, room.cameras, (c) => c.id)
  refill(into.cameraStates, (room.cameras ?? []).map((c) => c.live), (s) => s.id)
  refill(into.pillars, room.pillars, (p) => p.id)
  refill(into.drones, room.drones, (d) => d.id)
  const heard = (room.drones ?? []).flatMap((d) => (d.telemetry ? [d.telemetry] : []))
  refill(into.telemetry, heard, (t) => t.drone)
  refill(into.places, room.places, (p) => p.id)
  refill(into.warnings, room.warnings, warningKey)
}

export function foldState(into: Folded, state: State) {
  for (const camera of state.cameras ?? []) into.cameraStates.set(camera.id, camera)
  for (const drone of state.drones ?? []) into.telemetry.set(drone.drone, drone)
  for (const uplink of state.uplinks ?? []) into.uplinks.set(uplink.name, uplink)
  refill(into.warnings, state.warnings, warningKey)
  refill(into.units, state.units, (u) => `${u.kind}/${u.id}`)
  refill(into.deliveries, state.deliveries, (d) => d.incident)
}

// foldForces: of whom duty has changed no older position counts.
export function foldForces(into: Folded, news: ForcesNews) {
  for (const id of news.changed) into.fixes.delete(id.replace(/^person\//, ''))
  for (const fix of news.positions) into.fixes.set(fix.person, fix)
}

// An older version never replaces a newer one: after a reconnect the box sends
// the present version of everything touched, and an answer to one's own action
// may overtake the stream.
function newer<T extends { touched: number }>(map: Map<string, T>, key: string, item: T) {
  const held = map.get(key)
  if (held && held.touched > item.touched) return
  map.set(key, item)
}

export function foldResource(into: Folded, kind: ResourceKind, item: unknown) {
  switch (kind) {
    case 'incident':
      return newer(into.incidents, (item as Incident).id, item as Incident)
    case 'task':
      return newer(into.tasks, (item as Task).id, item as Task)
    case 'alert':
      return newer(into.alerts, (item as Alert).id, item as Alert)
    case 'clip':
      return newer(into.clips, clipKey(item as Clip), item as Clip)
    case 'device':
    case 'uplink':
      return newer(into.devices, deviceKey(item as Device), item as Device)
  }
}

// clipsOf gives one entry for each clip: the part that supersedes the other,
// as long as its bytes are there.
export function clipsOf(clips: Iterable<Clip>, incident: string): Clip[] {
  const best = new Map<string, Clip>()
  for (const clip of clips) {
    if (clip.incident !== incident) continue
    const held = best.get(clip.id)
    const better = !held || held.evicted || (clip.part === 'whole' && !clip.evicted)
    if (better) best.set(clip.id, clip)
  }
  return [...best.values()].sort((a, b) => a.from.localeCompare(b.from) || a.id.localeCompare(b.id))
}
