// What there is of a camera in a time, and the pure questions that a page asks
// of it. All times are ms.
import type { Recordings } from '@/shared/types'

export interface Span { from: number; to: number }
export interface Blank extends Span { cause: string; why: string }
export interface Reel { camera: string; recorded: Span[]; blank: Blank[] }
export interface View { from: number; to: number }

export const chunkMs = 120_000 // asked for at a time: begins within a moment, and few are needed
const chunkMinMs = 400
const viewMinMs = 5 * 60_000

// reelOf: what is recorded, and where nothing is and why. now stands for the
// end of what is still open.
export function reelOf(answer: Recordings, now: number): Reel {
  return {
    camera: answer.camera,
    recorded: answer.recorded.map((s) => ({ from: Date.parse(s.from), to: Date.parse(s.to) })),
    blank: answer.blind
      .filter((b) => b.kind === 'unrecorded')
      .map((b) => ({ from: Date.parse(b.from), to: b.to ? Date.parse(b.to) : now, cause: b.cause ?? '', why: b.why ?? '' }))
      .filter((b) => b.to > b.from),
  }
}

const holds = (t: number) => (s: Span) => t >= s.from && t < s.to

export const spanAt = (reel: Reel, t: number) => reel.recorded.find(holds(t))
export const blankAt = (reel: Reel, t: number) => reel.blank.find(holds(t))

// told: whether the reason says more than the cause.
export const told = (blank: Blank) => blank.why !== '' && (blank.cause === 'camera' || blank.cause === 'disk')

// chunkAt is what to ask for to play from t on; undefined where nothing is.
export function chunkAt(reel: Reel, t: number): Span | undefined {
  const span = spanAt(reel, t)
  const to = span && Math.min(span.to, t + chunkMs)
  return to && to - t >= chunkMinMs ? { from: t, to } : undefined
}

// nextStart is when any of the reels goes on after t.
export function nextStart(reels: Reel[], t: number): number | undefined {
  const starts = reels.flatMap((r) => r.recorded.map((s) => s.from)).filter((from) => from > t)
  return starts.length ? Math.min(...starts) : undefined
}

// edge is the next beginning or end of a recording in a direction.
export function edge(reels: Reel[], t: number, forward: boolean): number | undefined {
  const all = reels.flatMap((r) => r.recorded.flatMap((s) => [s.from, s.to])).filter((e) => (forward ? e > t + 500 : e < t - 500))
  return all.length ? (forward ? Math.min(...all) : Math.max(...all)) : undefined
}

// zoom keeps the time under the pointer where it is, within the day.
export function zoom(view: View, factor: number, around: number, day: View): View {
  const length = Math.min(day.to - day.from, Math.max(viewMinMs, (view.to - view.from) * factor))
  const share = (around - view.from) / (view.to - view.from)
  return shift({ from: around - share * length, to: around + (1 - share) * length }, 0, day)
}

// shift moves a view, within the day.
export function shift(view: View, by: number, day: View): View {
  const length = view.to - view.from
  const from = Math.min(Math.max(view.from + by, day.from), day.to - length)
  return { from, to: from + length }
}

export const width = 1000 // of a drawing: a view is so wide

// bars draws spans of a view as one path; what is too small to be seen is
// drawn as wide as a line, never left out.
export function bars(spans: Span[], view: View, top: number, height: number): string {
  const x = (t: number) => ((Math.min(Math.max(t, view.from), view.to) - view.from) / (view.to - view.from)) * width
  return spans
    .filter((s) => s.from < view.to && s.to > view.from)
    .map((s) => `M${x(s.from).toFixed(2)} ${top}h${Math.max(0.8, x(s.to) - x(s.from)).toFixed(2)}v${height}H${x(s.from).toFixed(2)}z`)
    .join('')
}

// ticks are the marks of a scale: so many that their words have room.
export function ticks(view: View, most: number): number[] {
  const minute = 60_000
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240].map((m) => m * minute)
  const step = steps.find((s) => (view.to - view.from) / s <= most) ?? 360 * minute
  const list: number[] = []
  for (let t = Math.ceil(view.from / step) * step; t <= view.to; t += step) list.push(t)
  return list
}

// dayStart is midnight of a day (2026-11-22) in a zone.
export function dayStart(day: string, zone: string): number {
  const utc = Date.parse(`${day}T00:00:00Z`)
  const offsetAt = (t: number) => {
    const parts = new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' }).formatToParts(t)
    const n = (type: string) => Number(parts.find((p) => p.type === type)?.value)
    return Date.UTC(n('year'), n('month') - 1, n('day'), n('hour'), n('minute'), n('second')) - t
  }
  const first = utc - offsetAt(utc)
  return utc - offsetAt(first) // where the offset changes on that very day
}

export function otherDay(day: string, by: number): string {
  return new Date(Date.parse(`${day}T12:00:00Z`) + by * 86_400_000).toISOString().slice(0, 10)
}
