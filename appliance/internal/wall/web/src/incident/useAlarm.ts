// The P0 that holds the screen: the longest unanswered; after it is answered it
// stays for 10 s, or as long as it is pinned. Sound as long as one is unanswered.
import { computed, onUnmounted, ref, watch } from 'vue'
import { useClock } from '@/shared/clock'
import { useRoom } from '@/shared/room'
import { useDesk } from './desk'
import { unansweredP0 } from './order'
import { AlarmSound } from './sound'

const givesBackMs = 10_000

export function useAlarm() {
  const room = useRoom()
  const desk = useDesk()
  const clock = useClock()
  const sound = new AlarmSound()
  const pinned = ref<string>()
  const lastShown = ref<string>()
  const answeredAt = ref(0)

  const unanswered = computed(() => unansweredP0(room.incidents.values()))
  const ringing = computed(() => unanswered.value.length > 0)

  watch(unanswered, (now, before) => {
    const first = now[0]
    if (first) lastShown.value = first.id
    else if (before?.length) answeredAt.value = Date.now()
  }, { immediate: true })

  const focus = computed(() => {
    const first = unanswered.value[0]
    if (first) return first
    const held = room.incidents.get(pinned.value ?? lastShown.value ?? '')
    if (!held || held.state === 'closed') return undefined
    // clock.now is read so that the ten seconds end.
    const resting = clock.now - clock.offsetMs - answeredAt.value < givesBackMs
    return pinned.value || (answeredAt.value > 0 && resting) ? held : undefined
  })

  watch(ringing, (rings) => (rings ? sound.start() : sound.stop()), { immediate: true })
  const unblock = () => void sound.unblock()
  window.addEventListener('keydown', unblock)
  window.addEventListener('pointerdown', unblock)
  onUnmounted(() => {
    sound.stop()
    window.removeEventListener('keydown', unblock)
    window.removeEventListener('pointerdown', unblock)
  })

  // answer claims the focused one, or acknowledges what another has; false lets the key go on to somebody else.
  function answer(): boolean {
    const first = unanswered.value[0]
    if (!first || !desk.can(first, desk.answerVerb(first))) return false
    if (desk.answerVerb(first) === 'claim') desk.claim(first)
    else void desk.act(first, 'acknowledge')
    return true
  }
  const togglePin = () => (pinned.value = pinned.value ? undefined : focus.value?.id)

  return { focus, unanswered, ringing, pinned, togglePin, answer, sound }
}
