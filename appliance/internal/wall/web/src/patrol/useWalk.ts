// One walk: which camera is looked at, for how long it has been, and what the
// keys do. A camera is signed by somebody, never by time alone: space says that
// it was seen, and the walk goes on when it was looked at for long enough.
import { computed, ref, watch, type Ref } from 'vue'
import { newKey, problemOf } from '@/shared/api'
import { useClock } from '@/shared/clock'
import type { Problem } from '@/shared/types'
import { nextOf, type Finding, type Patrols, type Round } from './patrols'

export function useWalk(round: Ref<Round>, act: Patrols['act']) {
  const clock = useClock()
  const index = ref(nextOf(round.value, -1))
  const playing = ref(false)
  const since = ref(0) // local time at which the picture came; 0: it has not
  const seen = ref(false) // somebody said so; it waits for the dwell
  const busy = ref(false)
  const problem = ref<Problem>()

  const camera = computed(() => round.value.cameras[index.value]?.camera)
  const local = computed(() => clock.now - clock.offsetMs)
  const leftMs = computed(() => {
    if (!since.value) return round.value.dwell_ms
    return Math.min(round.value.dwell_ms, Math.max(0, round.value.dwell_ms - (local.value - since.value)))
  })
  const dwelt = computed(() => since.value > 0 && leftMs.value === 0)
  const over = computed(() => index.value < 0)

  watch(camera, () => {
    since.value = 0
    playing.value = false
    seen.value = false
  })
  function plays(now: boolean) {
    playing.value = now
    if (now && !since.value) since.value = Date.now()
  }
  watch([seen, dwelt], () => {
    if (seen.value && dwelt.value) void sign({ seen: true })
  })

  async function sign(more: { seen: boolean; reason?: string; finding?: Finding }, key = newKey()) {
    const name = camera.value
    if (!name || busy.value) return false
    busy.value = true
    problem.value = undefined
    try {
      await act(round.value.id, 'see', { camera: name, ...more }, key)
      if (!more.finding) index.value = nextOf(round.value, index.value)
      return true
    } catch (error) {
      problem.value = problemOf(error)
      seen.value = false
      if (more.finding) throw error
      return false
    } finally {
      busy.value = false
    }
  }

  // see: the picture is there; it is signed once it was looked at long enough.
  const see = () => playing.value && (seen.value = true)
  // next: a camera that was not looked at is recorded as not seen, and why.
  const next = () => sign({ seen: false, reason: playing.value ? 'skipped' : 'no_picture' })
  const find = (finding: Finding, key: string) => sign({ seen: true, finding }, key)
  const go = (at: number) => (index.value = at)

  return { index, camera, playing, leftMs, dwelt, seen, over, busy, problem, plays, see, next, find, go }
}
