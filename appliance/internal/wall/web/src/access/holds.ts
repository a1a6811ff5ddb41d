// What legal holds hold, and times as they are typed. Pure.
import { dayStart } from '@/playback/reel'
import { clockTime } from '@/shared/time'
import type { Hold } from '@/shared/types'

// wallTime reads what a datetime-local field holds as the station's time.
export function wallTime(typed: string, zone: string): number | undefined {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d):(\d\d)(?::(\d\d))?/.exec(typed)
  if (!match) return undefined
  const [, day = '', h, m, s = '0'] = match
  const ms = dayStart(day, zone) + (Number(h) * 3600 + Number(m) * 60 + Number(s)) * 1000
  const [shown = 0] = clockTime(ms, zone).split(':').map(Number)
  return ms + (Number(h) - shown) * 3600_000 // on a day whose clocks are changed
}

// recordedMs is how much of recordings a hold names.
export const recordedMs = (hold: Hold) => hold.spans.reduce((sum, s) => sum + Date.parse(s.to) - Date.parse(s.from), 0)
