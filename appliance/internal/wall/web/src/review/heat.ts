// Where incidents cluster, as the map shows it: squares of the review over the
// station's places, the hottest numbered.
import type { Feature, Polygon } from 'geojson'
import { computed } from 'vue'
import { metresBetween, moved, placePolygon, type LonLat } from '@/map/geo'
import { placeMarks, type Mark, type Scene } from '@/map/scene'
import { useRoom } from '@/shared/room'
import type { Place, Position, ReviewCell } from '@/shared/types'

export const cellKey = (cell: ReviewCell) => `${cell.lat.toFixed(5)},${cell.lon.toFixed(5)}`

export function cellPolygon(cell: ReviewCell, most: number): Feature<Polygon> {
  const half = cell.size_m / 2
  const [east] = moved(cell, 90, half)
  const [west] = moved(cell, 270, half)
  const [, north] = moved(cell, 0, half)
  const [, south] = moved(cell, 180, half)
  const ring: LonLat[] = [[west, south], [east, south], [east, north], [west, north], [west, south]]
  return { type: 'Feature', properties: { id: `cell/${cellKey(cell)}`, share: cell.incidents / Math.max(1, most) }, geometry: { type: 'Polygon', coordinates: [ring] } }
}

// placeOf is the configured place around a point, if any.
export function placeOf(at: { lat: number; lon: number }, places: Iterable<Place>): Place | undefined {
  for (const place of places) {
    const ring = place.polygon
    let inside = false
    for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
      const [aLat = 0, aLon = 0] = ring[i]!
      const [bLat = 0, bLon = 0] = ring[j]!
      if (aLat > at.lat !== bLat > at.lat && at.lon < ((bLon - aLon) * (at.lat - aLat)) / (bLat - aLat) + aLon) inside = !inside
    }
    if (inside) return place
  }
  return undefined
}

// nearestTo is what stands nearest to a point, within so many metres.
export function nearestTo<T extends { position?: Position }>(at: Position, things: Iterable<T>, within: number): T | undefined {
  let best: T | undefined
  let least = within
  for (const thing of things) {
    const far = thing.position ? metresBetween(at, thing.position) : Infinity
    if (far <= least) [best, least] = [thing, far]
  }
  return best
}

export function useHeat(cells: () => ReviewCell[], hottest: () => ReviewCell[]): Scene {
  const room = useRoom()
  const most = computed(() => Math.max(1, ...cells().map((cell) => cell.incidents)))
  const places = computed(() => [...room.places.values()].map(placePolygon).filter((place) => place !== undefined))
  const heat = computed(() => cells().map((cell) => cellPolygon(cell, most.value)))
  const marks = computed<Mark[]>(() => [
    ...placeMarks(places.value),
    ...hottest().map((cell, index): Mark => ({
      key: `cell/${cellKey(cell)}`, kind: 'cell', at: [cell.lon, cell.lat], name: `${index + 1}`, state: '', detail: String(cell.incidents), turn: 0, pick: true,
    })),
  ])
  const points = computed<LonLat[]>(() => {
    const all = [...heat.value, ...places.value].flatMap((one) => one.geometry.coordinates[0] as LonLat[])
    return all.length > 0 || !room.station ? all : [[room.station.position.lon, room.station.position.lat]]
  })
  return { cones: computed(() => []), places, trackLines: computed(() => []), heat, marks, incidentMarks: computed(() => []), points }
}
