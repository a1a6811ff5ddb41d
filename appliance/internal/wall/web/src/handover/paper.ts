// Times as a paper has them: with their day, in station time.
import { useRoom } from '@/shared/room'
import { clockTime, dayOf, parseStamp } from '@/shared/time'

export function usePaper() {
  const room = useRoom()
  const at = (stamp: string | undefined): string => {
    const ms = parseStamp(stamp)
    return ms === undefined ? '–' : `${dayOf(ms, room.zone)} ${clockTime(ms, room.zone, false)}`
  }
  return { at }
}
