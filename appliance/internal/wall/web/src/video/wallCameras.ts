// Which cameras stand on the wall: what was asked for; else those of the most
// urgent open incidents, then the configured order. Nothing moves unless
// something happened. Pure.
import { byUrgency, isClosed } from '@/incident/order'
import type { Incident } from '@/shared/types'

export function wallCameras(all: string[], incidents: Iterable<Incident>, asked: string[], most: number): string[] {
  const known = new Set(all)
  const chosen = asked.filter((id) => known.has(id))
  if (chosen.length > 0) return chosen.slice(0, most)
  const urgent = [...incidents]
    .filter((i) => !isClosed(i) && (i.priority === 'P0' || i.priority === 'P1'))
    .sort(byUrgency)
    .flatMap((i) => i.cameras.filter((id) => known.has(id)))
  const picked = [...new Set([...urgent, ...all])].slice(0, most)
  // The same cameras keep their places.
  return picked.sort((a, b) => all.indexOf(a) - all.indexOf(b))
}
