// Where a unit is: what the page asked for, and what the stream told since.
import { parseStamp } from '@/shared/time'
import type { Fix, Unit, UnitPosition } from '@/shared/types'

// positionOf is the newest place of who is on duty of the unit. Whether it is
// old is asked of the clock: an answer does not know how long it stands there.
export function positionOf(unit: Unit, fixes: ReadonlyMap<string, Fix>, staleAfterS: number, nowMs: number): UnitPosition | undefined {
  const people = unit.duty.on ? (unit.kind === 'team' ? (unit.crew ?? []) : [unit.id]) : []
  const at = (fix: Fix | undefined) => parseStamp(fix?.at) ?? -Infinity
  const newest = people.map((id) => fixes.get(id)).reduce<Fix | undefined>((best, one) => (at(one) > at(best) ? one : best), unit.position)
  if (!newest) return undefined
  const ageS = Math.max(0, Math.floor((nowMs - at(newest)) / 1000))
  return { ...newest, age_s: ageS, stale: ageS >= staleAfterS }
}
