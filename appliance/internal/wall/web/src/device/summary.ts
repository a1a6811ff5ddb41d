// Counts of the room's devices and uplinks, for the strip and the page. Pure.
import type { CameraState, Device, Uplink } from '@/shared/types'

export interface Tally {
  total: number
  good: number
  bad: number
  unknown: number
}

export function tallyDevices(devices: Iterable<Device>, type: string): Tally {
  const tally: Tally = { total: 0, good: 0, bad: 0, unknown: 0 }
  for (const device of devices) {
    if (device.type !== type) continue
    tally.total++
    if (device.state === 'online') tally.good++
    else if (device.state === 'unknown') tally.unknown++
    else tally.bad++
  }
  return tally
}

export function tallyCameras(cameras: Iterable<CameraState>): Tally {
  const tally: Tally = { total: 0, good: 0, bad: 0, unknown: 0 }
  for (const camera of cameras) {
    tally.total++
    if (camera.live) tally.good++
    else if (camera.age_ms < 0) tally.unknown++
    else tally.bad++
  }
  return tally
}

export const uplinkLag = (uplink: Uplink) => Object.values(uplink.lag ?? {}).reduce((sum, n) => sum + n, 0)
