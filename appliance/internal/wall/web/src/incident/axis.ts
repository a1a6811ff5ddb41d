// The stretch of time an incident's axis shows, and its ticks. Pure.
import { parseStamp } from '@/shared/time'
import type { Alert, Clip, Incident } from '@/shared/types'

export interface Range {
  from: number // ms
  to: number
  broken: boolean // the axis ends before now; what came later stands behind a break
}

const shortestMs = 60_000
const growsMs = 5 * 60_000 // so long after the last alert or clip the axis still runs to now
const margin = 0.1 // of the interval, at both ends

// axisRange is the interval of alerts and clips plus a fifth, so that the
// minute that matters keeps its width however long the incident stays open.
export function axisRange(incident: Incident, clips: Clip[], alerts: Alert[], now: number): Range {
  const start = parseStamp(incident.occurred_at) ?? parseStamp(incident.opened_at) ?? now
  const ends = [...clips.map((clip) => Date.parse(clip.to)), ...alerts.map((alert) => parseStamp(alert.to) ?? start)]
  const begins = [...clips.map((clip) => Date.parse(clip.from)), ...alerts.map((alert) => parseStamp(alert.from) ?? start)]
  const from = Math.min(start, ...begins)
  const last = Math.max(start, ...ends)
  const pad = Math.max((last - from) * margin, 5000)
  const end = parseStamp(incident.closed_at) ?? now
  const broken = end - last > growsMs
  const to = broken ? last + pad : Math.max(last + pad, end)
  return { from: from - pad, to: Math.max(to, from - pad + shortestMs), broken }
}

const stepsMs = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].map((s) => s * 1000)

// axisTicks gives at most `most` round instants inside the range.
export function axisTicks(range: Range, most: number): number[] {
  const span = range.to - range.from
  const step = stepsMs.find((ms) => span / ms <= most) ?? Math.ceil(span / most / 3600_000) * 3600_000
  const ticks: number[] = []
  for (let at = Math.ceil(range.from / step) * step; at < range.to; at += step) ticks.push(at)
  return ticks
}
