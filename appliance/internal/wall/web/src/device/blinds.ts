// Blind intervals as a list: open ones first, then the newest. Pure.
import type { Blind } from '@/shared/types'

export const kinds = ['unseen', 'unrecorded', 'unanalysed', 'covered', 'defocused', 'moved', 'frozen'] as const

export const byUrgency = (a: Blind, b: Blind) => Number(Boolean(a.to)) - Number(Boolean(b.to)) || b.from.localeCompare(a.from)

// wanted: what is configured so is no alarm.
export function listed(all: Blind[], withPlan: boolean): Blind[] {
  return all.filter((one) => withPlan || one.cause !== 'plan').sort(byUrgency)
}

// blindMs is how long a camera was blind within a time, by kind; what is open
// lasts until now.
export function blindMs(all: Blind[], from: number, to: number, now: number): Map<string, number> {
  const sums = new Map<string, number>()
  for (const one of all) {
    const end = Math.min(one.to ? Date.parse(one.to) : now, to)
    const ms = end - Math.max(Date.parse(one.from), from)
    if (ms > 0) sums.set(one.kind, (sums.get(one.kind) ?? 0) + ms)
  }
  return sums
}
