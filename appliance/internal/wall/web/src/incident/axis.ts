// The stretch of time an incident's axis shows, and its ticks. Pure.
import { parseStamp } from '@/shared/time'
import type { Clip, Incident } from '@/shared/types'

export interface Range {
  from: number // ms
  to: number
}

const leadMs = 5000
const shortestMs = 60_000
const longestMs = 30 * 60_000 // beyond it the axis ends where the pictures do

export function axisRange(incident: Incident, clips: Clip[], now: number): Range {
  const start = parseStamp(incident.occurred_at) ?? parseStamp(incident.opened_at) ?? now
  const from = Math.min(start, ...clips.map((clip) => Date.parse(clip.from))) - leadMs
  const end = parseStamp(incident.closed_at) ?? now
  const covered = Math.max(start, ...clips.map((clip) => Date.parse(clip.to)))
  const to = end - from > longestMs ? Math.max(covered, Math.min(end, from + longestMs)) : Math.max(end, covered)
  return { from, to: Math.max(to + leadMs, from + shortestMs) }
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
