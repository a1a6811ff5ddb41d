// Which zones of a camera to draw over its picture: only while a sighting in
// them is open and its incident is being worked on. Pure.
import type { Alert, Camera, Incident } from '@/shared/types'

export interface ZoneOutline {
  name: string
  points: [number, number][] // 0..1 of the picture
}

export function openZones(camera: Camera | undefined, alerts: Iterable<Alert>, incidents: ReadonlyMap<string, Incident>): ZoneOutline[] {
  if (!camera?.zones) return []
  const names = new Set<string>()
  for (const alert of alerts) {
    const open = !alert.ended && incidents.get(alert.incident)?.state !== 'closed'
    if (alert.origin === 'sighting' && alert.device === camera.id && alert.zone && open) names.add(alert.zone)
  }
  return [...names].flatMap((name) => {
    const points = camera.zones?.[name] as [number, number][] | undefined
    return points ? [{ name, points }] : []
  })
}
