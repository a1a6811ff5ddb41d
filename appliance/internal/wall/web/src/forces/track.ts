// A person's track as lines.
import type { Fix } from '@/shared/types'

export interface Drawn {
  lines: string[] // of an SVG polyline, in a square of 1000
  from: string
  to: string
  points: number
}

const gapMs = 10 * 60_000 // longer ones are not drawn: where he was is not known
const side = 1000

// drawTrack fits a track into a square, north up, with its true proportions.
export function drawTrack(points: Fix[]): Drawn | undefined {
  if (points.length === 0) return undefined
  const squeeze = Math.cos((points[0]!.position.lat * Math.PI) / 180)
  const xs = points.map((p) => p.position.lon * squeeze)
  const ys = points.map((p) => -p.position.lat)
  const span = Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys), 1e-4)
  const at = (i: number) => `${(((xs[i]! - Math.min(...xs)) / span) * side).toFixed(1)},${(((ys[i]! - Math.min(...ys)) / span) * side).toFixed(1)}`
  const lines: string[] = []
  let line: string[] = []
  points.forEach((point, i) => {
    if (i > 0 && Date.parse(point.at) - Date.parse(points[i - 1]!.at) > gapMs) {
      lines.push(line.join(' '))
      line = []
    }
    line.push(at(i))
  })
  lines.push(line.join(' '))
  return { lines, from: points[0]!.at, to: points.at(-1)!.at, points: points.length }
}
