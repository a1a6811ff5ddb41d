// What a page asked for is asked for again when the stream says that something
// it shows has changed: soon, but not for each change of many. While the line
// is down it is asked every so often, since the box may answer all the same;
// and now and then in any case, for what only the clock changes.
import { onMounted, onUnmounted, watch } from 'vue'
import type { NewsKind } from './fold'
import { useRoom } from './room'

const quietMs = 250 // changes often come together
const downMs = 5000
const clockMs = 60_000

export function useFresh(kinds: readonly NewsKind[], load: () => unknown) {
  const room = useRoom()
  let soon: ReturnType<typeof setTimeout> | undefined
  let timer: ReturnType<typeof setInterval> | undefined
  let askedAt = 0

  function ask() {
    clearTimeout(soon)
    soon = undefined
    askedAt = performance.now()
    void load()
  }
  watch(() => kinds.map((kind) => room.news[kind]), () => { soon ??= setTimeout(ask, quietMs) })
  onMounted(() => {
    timer = setInterval(() => performance.now() - askedAt >= (room.line.up ? clockMs : downMs) && ask(), 1000)
    ask()
  })
  onUnmounted(() => {
    clearTimeout(soon)
    clearInterval(timer)
  })
  return { ask }
}
