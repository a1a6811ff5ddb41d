// The station's clock in the browser: local time corrected by what the box
// said last. One timer for the whole page.
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'

const tickMs = 250
const trustMs = 1000 // below this the offset is the line's delay, not a wrong clock

export const useClock = defineStore('clock', () => {
  const local = ref(Date.now())
  const offsetMs = ref(0)
  const now = computed(() => local.value + offsetMs.value)
  const seconds = computed(() => Math.floor(now.value / 1000) * 1000) // changes once a second
  const differs = computed(() => Math.abs(offsetMs.value) > trustMs)

  let timer: ReturnType<typeof setInterval> | undefined
  function start() {
    timer ??= setInterval(() => (local.value = Date.now()), tickMs)
  }

  function heard(boxMs: number) {
    const offset = boxMs - Date.now()
    offsetMs.value = Math.abs(offset) > trustMs ? offset : 0
  }

  return { now, seconds, offsetMs, differs, start, heard }
})
