// The review's groups as rows with words and the period before. Pure.
import type { Review } from '@/shared/types'

export interface GroupRow {
  key: string
  name: string
  now: number
  before: number | undefined
  falseAlarms: number
  share: number | undefined // in time
  answerMs: number | undefined
}

export const hours = Array.from({ length: 24 }, (_, hour) => String(hour).padStart(2, '0'))
export const weekdays = ['1', '2', '3', '4', '5', '6', '7']

// rowsOf gives the group's rows; with keys these, in their order, those of
// which nothing was counted too; without them most incidents first.
export function rowsOf(review: Review, group: string, name: (key: string, configured: string) => string, keys?: readonly string[]): GroupRow[] {
  const rows = new Map((review.groups[group] ?? []).map((row) => [row.key, row]))
  const changes = new Map((review.compared?.groups[group] ?? []).map((change) => [change.key, change]))
  const all = keys ?? [...new Set([...rows.keys(), ...changes.keys()])]
  const list = all.map((key): GroupRow => {
    const row = rows.get(key)
    const change = changes.get(key)
    return {
      key, name: name(key, row?.name || change?.name || ''), now: row?.incidents ?? 0, before: review.compared ? (change?.before ?? 0) : undefined,
      falseAlarms: row?.false_alarms ?? 0, share: row?.share_in_time, answerMs: row?.answer_mean_ms,
    }
  })
  return keys ? list : list.sort((a, b) => b.now - a.now || (b.before ?? 0) - (a.before ?? 0) || a.key.localeCompare(b.key))
}

// percent is a share as people read it.
export const percent = (share: number | undefined) => (share === undefined ? '–' : `${Math.round(share * 100)}%`)
