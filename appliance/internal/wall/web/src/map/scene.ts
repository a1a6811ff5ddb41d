// The room as the map shows it: shapes and marked points, from the store.
import type { Feature, LineString, Polygon } from 'geojson'
import { computed, onUnmounted, reactive, watch } from 'vue'
import { call } from '@/shared/api'
import { useRoom } from '@/shared/room'
import type { Incident, Telemetry, Track } from '@/shared/types'
import { useWords } from '@/shared/words'
import { placePolygon, unbroken, viewCone, type LonLat, type TrackPoint } from './geo'

export interface Mark {
  key: string
  kind: 'camera' | 'pillar' | 'drone' | 'incident' | 'place' | 'unit' | 'cell'
  at: LonLat
  name: string
  state: string // device state, or an incident's priority
  detail: string
  turn: number // degrees clockwise from north
  incident?: string
  pick?: boolean // can be chosen, though it is no incident
}

const trackPointsMost = 900
const trackMinutes = 15

// With an incident to look at, others are left out: its map is about one place.
export function useScene(only: () => Incident | undefined = () => undefined) {
  const room = useRoom()
  const { t, word, since } = useWords()
  const tracks = reactive(new Map<string, TrackPoint[]>())
  let gone = false
  onUnmounted(() => (gone = true))

  const cameraState = (id: string) => {
    const facts = room.cameraStates.get(id)
    return room.lost ? 'lost' : !facts ? 'unknown' : facts.live ? 'online' : 'offline'
  }
  const deviceState = (type: string, id: string) => (room.lost ? 'lost' : (room.devices.get(`${type}/${id}`)?.state ?? 'unknown'))

  const cones = computed(() =>
    [...room.cameras.values()].map((camera) => viewCone(camera, cameraState(camera.id))).filter((cone) => cone !== undefined))
  const places = computed(() => [...room.places.values()].map(placePolygon).filter((place) => place !== undefined))
  const trackLines = computed(() =>
    [...tracks].flatMap(([id, points]) => unbroken(points).map((coordinates, n): Feature<LineString> =>
      ({ type: 'Feature', properties: { id: `${id}/${n}` }, geometry: { type: 'LineString', coordinates } }))))

  const marks = computed<Mark[]>(() => {
    // A place that a device there is named after needs no name of its own.
    const named = new Set([...room.cameras.values(), ...room.pillars.values()].map((device) => device.name))
    const list: Mark[] = placeMarks(places.value).filter((mark) => !named.has(mark.name))
    for (const camera of room.cameras.values()) {
      if (!camera.position) continue
      const { lat, lon, bearing } = camera.position
      const state = cameraState(camera.id)
      list.push({ key: `camera/${camera.id}`, kind: 'camera', at: [lon, lat], name: camera.name || camera.id, state, detail: word('device', state), turn: bearing })
    }
    for (const pillar of room.pillars.values()) {
      if (!pillar.position) continue
      const state = deviceState('pillar', pillar.id)
      list.push({ key: `pillar/${pillar.id}`, kind: 'pillar', at: [pillar.position.lon, pillar.position.lat], name: pillar.name || pillar.id, state, detail: word('device', state), turn: 0 })
    }
    for (const drone of room.drones.values()) {
      const heard = room.telemetry.get(drone.id)
      if (!heard?.position) continue
      const state = deviceState('drone', drone.id)
      const height = heard.height_m === undefined ? '' : t('map.height', { m: Math.round(heard.height_m) })
      const battery = heard.battery_pct === undefined ? '' : t('map.battery', { p: Math.round(heard.battery_pct) })
      const detail = [state === 'online' ? '' : word('device', state), height, battery].filter(Boolean).join(' · ')
      list.push({ key: `drone/${drone.id}`, kind: 'drone', at: [heard.position.lon, heard.position.lat], name: drone.name || drone.id, state, detail, turn: heard.heading_deg ?? 0 })
    }
    for (const unit of room.units.values()) {
      if (!unit.position) continue
      const { position: at, stale, at: heard } = unit.position
      const state = room.lost ? 'lost' : stale ? 'stale' : 'online'
      const detail = [state === 'online' ? '' : t('map.lastSeen', { age: since(heard) }), unit.tasks.length ? t('force.busy') : ''].filter(Boolean).join(' · ')
      list.push({ key: `unit/${unit.kind}/${unit.id}`, kind: 'unit', at: [at.lon, at.lat], name: unit.name, state, detail, turn: 0 })
    }
    return list
  })

  // One mark for all open incidents of one spot, the most urgent on top.
  const incidentMarks = computed<Mark[]>(() => {
    const spots = new Map<string, Mark[]>()
    for (const incident of room.incidents.values()) {
      const one = only()
      if (one ? incident.id !== one.id : incident.state === 'closed') continue
      if (!incident.position) continue
      const { lat, lon } = incident.position
      const spot = `${lat.toFixed(5)}/${lon.toFixed(5)}`
      const mark: Mark = { key: `incident/${spot}`, kind: 'incident', at: [lon, lat], name: incident.drill ? `${t('incident.drill')} · ${word('kind', incident.kind)}` : word('kind', incident.kind), state: incident.priority, detail: incident.place.name, turn: 0, incident: incident.id }
      spots.set(spot, [...(spots.get(spot) ?? []), mark])
    }
    return [...spots.values()].map((held) => {
      held.sort((a, b) => a.state.localeCompare(b.state))
      return { ...held[0]!, name: countEqual(held.map((mark) => mark.name), (n) => t('incident.times', { n })) }
    })
  })

  // Where the drone was: what the box kept, then what it says now.
  async function loadTrack(drone: string) {
    const from = new Date(Date.now() - trackMinutes * 60_000).toISOString()
    tracks.set(drone, [])
    try {
      const track = await call<Track>('GET', `/drones/${encodeURIComponent(drone)}/track?from=${from}`)
      if (gone) return
      const held = (track.points ?? []).flatMap(trackPoint)
      tracks.set(drone, [...held, ...(tracks.get(drone) ?? [])].slice(-trackPointsMost))
    } catch {
      // Without the kept track the line begins now.
    }
  }
  watch(() => [...room.drones.keys()], (ids) => {
    for (const id of ids) if (!tracks.has(id)) void loadTrack(id)
  }, { immediate: true })
  watch(() => [...room.telemetry.values()], (heard) => {
    for (const telemetry of heard) {
      const line = tracks.get(telemetry.drone) ?? []
      const last = line.at(-1)
      const [next] = trackPoint(telemetry)
      if (!next || (last && next.ms <= last.ms)) continue
      tracks.set(telemetry.drone, [...line, next].slice(-trackPointsMost))
    }
  })

  const points = computed<LonLat[]>(() => [
    ...marks.value.filter((m) => m.kind !== 'drone' && m.kind !== 'unit').map((m) => m.at),
    ...cones.value.flatMap((c) => c.geometry.coordinates[0] as LonLat[]),
    ...places.value.flatMap((p) => p.geometry.coordinates[0] as LonLat[]),
    ...incidentMarks.value.map((m) => m.at),
  ])
  const fallback = computed<LonLat[]>(() => (room.station ? [[room.station.position.lon, room.station.position.lat]] : []))

  const heat = computed<Feature<Polygon>[]>(() => []) // a review's: see review/heat.ts
  return { cones, places, trackLines, heat, marks, incidentMarks, points: computed(() => (points.value.length ? points.value : fallback.value)) }
}

// placeMarks name each place at its north-western corner.
export const placeMarks = (places: Feature<Polygon>[]): Mark[] =>
  places.map((place) => {
    const ring = place.geometry.coordinates[0] as LonLat[]
    const corner: LonLat = [Math.min(...ring.map(([lon]) => lon)), Math.max(...ring.map(([, lat]) => lat))]
    return { key: `place/${place.properties?.id}`, kind: 'place', at: corner, name: String(place.properties?.name), state: '', detail: '', turn: 0 }
  })

// countEqual names each kind once; a count stands only with its own kind.
export function countEqual(names: string[], times: (n: number) => string): string {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts].map(([name, n]) => (n > 1 ? `${name} ${times(n)}` : name)).join(' · ')
}

const trackPoint = (t: Telemetry): TrackPoint[] => (t.position ? [{ ms: Date.parse(t.at), at: [t.position.lon, t.position.lat] }] : [])

export type Scene = ReturnType<typeof useScene>
