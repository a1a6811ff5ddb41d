// Times as people read them: an age while it matters, the clock after.
// Stamps are RFC 3339 UTC; "" means "not yet".

export function parseStamp(stamp: string | undefined): number | undefined {
  if (!stamp) return undefined
  const ms = Date.parse(stamp)
  return Number.isNaN(ms) ? undefined : ms
}

export interface AgeParts {
  unit: 'seconds' | 'minutes' | 'hours' | 'days'
  d: number
  h: number
  m: number
  s: number
}

// ageParts never goes below zero: a clock a little ahead is no news.
export function ageParts(ms: number): AgeParts {
  const total = Math.max(0, Math.floor(ms / 1000))
  const d = Math.floor(total / 86_400)
  const h = Math.floor((total % 86_400) / 3600)
  const m = Math.floor((total % 3600) / 60)
  const s = total % 60
  const unit = d > 0 ? 'days' : h > 0 ? 'hours' : m > 0 ? 'minutes' : 'seconds'
  return { unit, d, h, m, s }
}

const two = (n: number) => String(n).padStart(2, '0')

// runningClock is the clock of a P0: 03:12, 1:03:12.
export function runningClock(ms: number): string {
  const total = Math.max(0, Math.floor(ms / 1000))
  const h = Math.floor(total / 3600)
  const rest = `${two(Math.floor((total % 3600) / 60))}:${two(total % 60)}`
  return h > 0 ? `${h}:${rest}` : rest
}

const formats = new Map<string, Intl.DateTimeFormat>()

function format(zone: string, key: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const name = `${zone}/${key}`
  let made = formats.get(name)
  if (!made) {
    made = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, hourCycle: 'h23', ...options })
    formats.set(name, made)
  }
  return made
}

// All clock times are the station's, whatever the browser's time zone.
export function clockTime(ms: number, zone: string, seconds = true): string {
  const options: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit' }
  if (seconds) options.second = '2-digit'
  return format(zone, seconds ? 'hms' : 'hm', options).format(ms)
}

export function dayOf(ms: number, zone: string): string {
  return format(zone, 'ymd', { year: 'numeric', month: '2-digit', day: '2-digit' }).format(ms)
}

// clockOrDate adds month and day when the time is not of the station's today.
export function clockOrDate(ms: number, now: number, zone: string): string {
  const clock = clockTime(ms, zone)
  const day = dayOf(ms, zone)
  return day === dayOf(now, zone) ? clock : `${day.slice(5)} ${clock}`
}
