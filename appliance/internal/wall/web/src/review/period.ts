// Which days a review is about, and which days it is compared with. Dates are
// the station's, 2026-01-31; weeks begin on Monday. Pure.
export type Span = 'day' | 'week' | 'month' | 'free'

export interface Period {
  from: string
  to: string // included
}

export const spans: readonly Span[] = ['day', 'week', 'month', 'free']

const dayMs = 86_400_000
const asMs = (date: string) => Date.parse(`${date}T00:00:00Z`)
const asDate = (ms: number) => new Date(ms).toISOString().slice(0, 10)

export const isDate = (text: unknown): text is string => typeof text === 'string' && /^\d{4}-\d\d-\d\d$/.test(text) && asDate(asMs(text) || 0) === text
export const addDays = (date: string, days: number) => asDate(asMs(date) + days * dayMs)
export const daysOf = ({ from, to }: Period) => Math.round((asMs(to) - asMs(from)) / dayMs) + 1

const monday = (date: string) => addDays(date, -((new Date(asMs(date)).getUTCDay() + 6) % 7))
const monthFirst = (date: string) => `${date.slice(0, 7)}-01`
const earlier = (a: string, b: string) => (a < b ? a : b)

// addMonths keeps to the month's last day: 31 January less one is 31 December,
// 31 March less one is 28 February.
function addMonths(date: string, months: number): string {
  const [year, month, day] = date.split('-').map(Number) as [number, number, number]
  const last = new Date(Date.UTC(year, month + months, 0)).getUTCDate()
  return asDate(Date.UTC(year, month - 1 + months, Math.min(day, last)))
}

// periodOf is the day, week or month that the date lies in, up to today: what
// has not come yet is not counted.
export function periodOf(span: Span, date: string, today: string): Period {
  if (span === 'week') return { from: monday(date), to: earlier(addDays(monday(date), 6), today) }
  if (span === 'month') return { from: monthFirst(date), to: earlier(addDays(addMonths(monthFirst(date), 1), -1), today) }
  return { from: date, to: date }
}

// before is the period to compare with: as many days of the one before, so that
// half a week is not compared with a whole one.
export function before(span: Span, period: Period): Period {
  if (span === 'month' && period.from === monthFirst(period.from)) {
    const from = addMonths(period.from, -1)
    const whole = period.to === addDays(addMonths(period.from, 1), -1)
    return { from, to: whole ? addDays(period.from, -1) : earlier(addDays(from, daysOf(period) - 1), addDays(period.from, -1)) }
  }
  const days = span === 'week' ? 7 : daysOf(period)
  return { from: addDays(period.from, -days), to: addDays(period.to, -days) }
}

// step is a date in the period before (-1) or after (+1).
export function step(span: Span, period: Period, by: 1 | -1): string {
  if (span === 'month') return addMonths(monthFirst(period.from), by)
  return addDays(period.from, by * (span === 'week' ? 7 : 1))
}
