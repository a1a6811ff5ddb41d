// One clock for all pictures: it runs only while every picture is ready, so
// that up to four cameras stay in step, and it steps over where nothing is.
import { onUnmounted, ref, type Ref } from 'vue'
import { nextStart, spanAt, type Reel } from './reel'

const tickMs = 80
const waitMaxMs = 4000 // for a picture that does not come: the others go on

export function usePlayer(reels: Ref<Reel[]>, end: () => number) {
  const at = ref(0)
  const playing = ref(false)
  const speed = ref(1)
  const waiting = ref(false)
  const cells = new Map<string, () => boolean>() // whether the picture is ready
  let last = performance.now()
  let waited = 0

  function tick() {
    const now = performance.now()
    const passed = now - last
    last = now
    if (!playing.value) return
    if (![...cells.values()].every((ready) => ready()) && waited < waitMaxMs) {
      waited += passed
      waiting.value = waited > 400
      return
    }
    waited = 0
    waiting.value = false
    step(at.value + passed * speed.value)
  }

  function step(to: number) {
    if (reels.value.length && !reels.value.some((r) => spanAt(r, to))) {
      const next = nextStart(reels.value, to)
      if (next === undefined) {
        playing.value = false
        return
      }
      to = next
    }
    if (to >= end()) {
      to = end()
      playing.value = false
    }
    at.value = to
  }

  const timer = setInterval(tick, tickMs)
  onUnmounted(() => clearInterval(timer))

  function seek(to: number) {
    waited = 0
    at.value = Math.min(to, end())
  }

  function join(camera: string, ready: () => boolean) {
    cells.set(camera, ready)
    return () => cells.delete(camera)
  }

  return { at, playing, speed, waiting, seek, join }
}

export type Player = ReturnType<typeof usePlayer>
