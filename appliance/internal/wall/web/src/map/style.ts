// The ground: no tiles from anywhere, only a grid and what the station itself
// has. Colours are the tokens of the present theme.
import type { Feature } from 'geojson'
import type { GeoJSONSourceSpecification, StyleSpecification } from 'maplibre-gl'

export type GroundSource = 'grid' | 'places' | 'heat' | 'cones' | 'tracks'
export type Ground = Record<GroundSource, Feature[]>

const source = (features: Feature[]): GeoJSONSourceSpecification => ({ type: 'geojson', data: { type: 'FeatureCollection', features } })

export function groundStyle(ground: Ground): StyleSpecification {
  const styles = getComputedStyle(document.documentElement)
  const token = (name: string) => styles.getPropertyValue(name).trim()
  const stateColour = ['match', ['get', 'state'], 'online', token('--good'), 'offline', token('--p1'), token('--unknown')]
  return {
    version: 8,
    sources: { grid: source(ground.grid), places: source(ground.places), heat: source(ground.heat), cones: source(ground.cones), tracks: source(ground.tracks) },
    layers: [
      { id: 'ground', type: 'background', paint: { 'background-color': token('--map-ground') } },
      { id: 'grid', type: 'line', source: 'grid', paint: { 'line-color': token('--map-line'), 'line-width': 1 } },
      { id: 'places', type: 'fill', source: 'places', paint: { 'fill-color': token('--text-3'), 'fill-opacity': 0.12 } },
      { id: 'places-edge', type: 'line', source: 'places', paint: { 'line-color': token('--text-3'), 'line-opacity': 0.6, 'line-width': 1 } },
      { id: 'heat', type: 'fill', source: 'heat', paint: { 'fill-color': token('--accent'), 'fill-opacity': ['+', 0.1, ['*', 0.6, ['get', 'share']]] } },
      { id: 'cones', type: 'fill', source: 'cones', paint: { 'fill-color': stateColour as never, 'fill-opacity': 0.16 } },
      { id: 'cones-edge', type: 'line', source: 'cones', paint: { 'line-color': stateColour as never, 'line-opacity': 0.5, 'line-width': 1 } },
      { id: 'tracks', type: 'line', source: 'tracks', paint: { 'line-color': token('--text-2'), 'line-width': 2, 'line-dasharray': [2, 1.5] } },
    ],
  }
}
