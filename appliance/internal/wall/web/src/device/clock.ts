// A camera's clock beside the box's, as people say it.
import type { CameraState } from '@/shared/types'

export type Clock = NonNullable<CameraState['clock']>

// span says milliseconds as people read them: below 1 s in ms, above in s.
export function span(ms: number): { n: string; unit: 'ms' | 's' } {
  const size = Math.abs(ms)
  return size < 1000 ? { n: String(Math.round(size)), unit: 'ms' } : { n: (size / 1000).toFixed(size < 10_000 ? 2 : 1), unit: 's' }
}

// side: a clock that is off by less than is known of it is not off.
export function side(clock: Clock): 'even' | 'ahead' | 'behind' {
  if (Math.abs(clock.offset_ms) <= Math.max(clock.uncertainty_ms, 1)) return 'even'
  return clock.offset_ms > 0 ? 'ahead' : 'behind'
}

// far: off by so much that people who compare clocks are misled.
export const far = (clock: Clock) => clock.known && Math.abs(clock.offset_ms) > 1000

// secondsADay is how much the clock gains in a day.
export const secondsADay = (ppm: number) => (ppm * 86_400) / 1e6
