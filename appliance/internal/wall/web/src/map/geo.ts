// What the map draws, as plain GeoJSON and points: no library, so that the
// WebGL map and the plain plot show the same. Distances are metres; the flat
// approximation holds over a station's few kilometres.
import type { Feature, FeatureCollection, Polygon, LineString } from 'geojson'
import type { Camera, Place, Position } from '@/shared/types'

const metresPerDegree = 111_320

export type LonLat = [number, number]

export function moved(from: Position, bearingDeg: number, metres: number): LonLat {
  const angle = (bearingDeg * Math.PI) / 180
  const north = metres * Math.cos(angle)
  const east = metres * Math.sin(angle)
  const lat = from.lat + north / metresPerDegree
  return [from.lon + east / (metresPerDegree * Math.cos((from.lat * Math.PI) / 180)), lat]
}

export function metresBetween(a: Position, b: Position): number {
  const north = (b.lat - a.lat) * metresPerDegree
  return Math.hypot(north, (b.lon - a.lon) * metresPerDegree * Math.cos((a.lat * Math.PI) / 180))
}

const coneSteps = 16

// viewCone is what a camera sees: nothing when its angle or range is not known.
export function viewCone(camera: Camera, state: string): Feature<Polygon> | undefined {
  const view = camera.position
  if (!view || view.fov <= 0 || view.range_m <= 0) return undefined
  const ring: LonLat[] = [[view.lon, view.lat]]
  for (let i = 0; i <= coneSteps; i++) {
    ring.push(moved(view, view.bearing - view.fov / 2 + (view.fov * i) / coneSteps, view.range_m))
  }
  ring.push([view.lon, view.lat])
  return { type: 'Feature', properties: { id: camera.id, state }, geometry: { type: 'Polygon', coordinates: [ring] } }
}

export function placePolygon(place: Place): Feature<Polygon> | undefined {
  if (place.polygon.length < 3) return undefined
  const ring = place.polygon.map(([lat, lon]) => [lon!, lat!] as LonLat)
  ring.push(ring[0]!)
  return { type: 'Feature', properties: { id: place.id, name: place.name }, geometry: { type: 'Polygon', coordinates: [ring] } }
}

export interface Bounds {
  west: number
  south: number
  east: number
  north: number
}

// boundsOf holds all points and at least `leastMetres` each way.
export function boundsOf(points: LonLat[], leastMetres = 250): Bounds | undefined {
  if (points.length === 0) return undefined
  const lons = points.map(([lon]) => lon)
  const lats = points.map(([, lat]) => lat)
  const middle = { lat: (Math.min(...lats) + Math.max(...lats)) / 2, lon: (Math.min(...lons) + Math.max(...lons)) / 2 }
  const [east] = moved(middle, 90, leastMetres / 2)
  const [, north] = moved(middle, 0, leastMetres / 2)
  return {
    west: Math.min(...lons, 2 * middle.lon - east),
    east: Math.max(...lons, east),
    south: Math.min(...lats, 2 * middle.lat - north),
    north: Math.max(...lats, north),
  }
}

export interface TrackPoint {
  ms: number // box time
  at: LonLat
}

// unbroken cuts a track where nothing was heard for longer than gapMs: where it
// was meanwhile is not known, and no line says otherwise.
export function unbroken(points: TrackPoint[], gapMs = 10_000): LonLat[][] {
  const pieces: LonLat[][] = []
  let last: number | undefined
  for (const { ms, at } of points) {
    if (last === undefined || ms - last > gapMs) pieces.push([])
    pieces.at(-1)!.push(at)
    last = ms
  }
  return pieces.filter((piece) => piece.length > 1)
}

const gridMetres = [25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000]

// graticule is a grid of round metres over the bounds and a margin: the only
// ground there is until a station brings its own tiles.
export function graticule(bounds: Bounds, most = 12): { lines: FeatureCollection<LineString>; metres: number } {
  const lat = (bounds.south + bounds.north) / 2
  const perLon = metresPerDegree * Math.cos((lat * Math.PI) / 180)
  const height = (bounds.north - bounds.south) * metresPerDegree
  const width = (bounds.east - bounds.west) * perLon
  const metres = gridMetres.find((step) => Math.max(width, height) / step <= most) ?? gridMetres.at(-1)!
  const dLon = metres / perLon
  const dLat = metres / metresPerDegree
  const margin = Math.max(width, height) * 2
  const [w, e] = [bounds.west - margin / perLon, bounds.east + margin / perLon]
  const [s, n] = [bounds.south - margin / metresPerDegree, bounds.north + margin / metresPerDegree]
  const features: Feature<LineString>[] = []
  const line = (coordinates: LonLat[]) => features.push({ type: 'Feature', properties: {}, geometry: { type: 'LineString', coordinates } })
  for (let lon = Math.ceil(w / dLon) * dLon; lon <= e; lon += dLon) line([[lon, s], [lon, n]])
  for (let y = Math.ceil(s / dLat) * dLat; y <= n; y += dLat) line([[w, y], [e, y]])
  return { lines: { type: 'FeatureCollection', features }, metres }
}
