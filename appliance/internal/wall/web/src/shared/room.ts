// The room's store: what the box said, and whether it still says it.
import { defineStore } from 'pinia'
import { computed, reactive, ref, shallowReactive, shallowRef } from 'vue'
import { apiBase, call, problemOf } from './api'
import { useClock } from './clock'
import { clipsOf, foldForces, foldResource, foldRoom, foldState, otherKinds, resourceKinds, type Folded, type NewsKind } from './fold'
import { Stream } from './stream'
import { parseStamp } from './time'
import type { Incident, Me, Problem, Room, Station } from './types'

const retryFirstMs = 1000
const retryMostMs = 10_000
const lostMs = 2000

export const useRoom = defineStore('room', () => {
  const clock = useClock()
  const folded: Folded = {
    incidents: shallowReactive(new Map()),
    alerts: shallowReactive(new Map()),
    clips: shallowReactive(new Map()),
    tasks: shallowReactive(new Map()),
    devices: shallowReactive(new Map()),
    uplinks: shallowReactive(new Map()),
    cameras: shallowReactive(new Map()),
    cameraStates: shallowReactive(new Map()),
    pillars: shallowReactive(new Map()),
    drones: shallowReactive(new Map()),
    telemetry: shallowReactive(new Map()),
    places: shallowReactive(new Map()),
    warnings: shallowReactive(new Map()),
    deliveries: shallowReactive(new Map()),
    units: shallowReactive(new Map()),
    fixes: shallowReactive(new Map()),
  }
  // news counts what the stream told of each kind; a new reading of the room is
  // news of all.
  const allKinds: readonly NewsKind[] = [...resourceKinds, ...otherKinds]
  const news = reactive(Object.fromEntries(allKinds.map((kind) => [kind, 0])) as Record<NewsKind, number>)
  const station = shallowRef<Station>()
  const me = shallowRef<Me>()
  const phase = ref<'idle' | 'loading' | 'ready' | 'failed' | 'loggedOut'>('idle')
  const problem = shallowRef<Problem>()
  // line.heardAt is station time: what stands on the screen is true as of then.
  const line = reactive({ up: false, heardAt: 0 })

  const zone = computed(() => station.value?.timezone ?? 'Asia/Shanghai')
  const cut = computed(() => phase.value === 'ready' && !line.up)
  // lost: cut for long enough that what stands here is not asserted any more;
  // asOf is the time for which it is, and at which ages stop.
  const lost = computed(() => cut.value && clock.now - line.heardAt > lostMs)
  const asOf = computed(() => (lost.value ? line.heardAt : clock.seconds))
  const mayAct = computed(() => ['operator', 'lead', 'admin'].includes(me.value?.role ?? ''))

  const mayLead = computed(() => ['lead', 'admin'].includes(me.value?.role ?? ''))

  const stream = new Stream({
    onResource: (kind, item) => foldResource(folded, kind, item),
    onNews: (kind) => news[kind]++,
    onForces: (told) => foldForces(folded, told),
    onState: (state) => {
      const at = parseStamp(state.at)
      if (at) clock.heard(at)
      foldState(folded, state)
      line.heardAt = clock.now
    },
    onLine: (up) => {
      line.up = up
      if (up) line.heardAt = clock.now
    },
    onGone: () => void load(),
  })

  let retry: ReturnType<typeof setTimeout> | undefined
  let retryMs = retryFirstMs
  let running = false
  let turn = 0 // an answer of an earlier load is not taken

  async function load() {
    clearTimeout(retry)
    const mine = ++turn
    if (phase.value !== 'ready') phase.value = 'loading'
    try {
      const room = await call<Room>('GET', '/room')
      if (!running || mine !== turn) return
      take(room)
      retryMs = retryFirstMs
      stream.open(`${apiBase}/events?after=${encodeURIComponent(room.as_of)}`)
    } catch (error) {
      if (!running || mine !== turn) return
      failed(problemOf(error))
    }
  }

  function take(room: Room) {
    foldRoom(folded, room)
    for (const kind of allKinds) news[kind]++
    station.value = room.station
    me.value = room.me
    const at = parseStamp(room.at)
    if (at) clock.heard(at)
    problem.value = undefined
    phase.value = 'ready'
    line.up = true
    line.heardAt = clock.now
  }

  function failed(why: Problem) {
    problem.value = why
    line.up = false
    if (why.code === 'unauthenticated') {
      phase.value = 'loggedOut'
      return
    }
    if (phase.value !== 'ready') phase.value = 'failed'
    retry = setTimeout(() => void load(), retryMs)
    retryMs = Math.min(retryMs * 2, retryMostMs)
  }

  function start() {
    if (running) return
    running = true
    clock.start()
    void load()
  }

  function stop() {
    running = false
    clearTimeout(retry)
    stream.close()
    phase.value = 'idle'
    line.up = false
  }

  const cameraName = (id: string) => folded.cameras.get(id)?.name || id
  const uplinkName = (name: string | undefined) => folded.uplinks.get(name ?? '')?.label || name || ''
  const ruleName = (camera: string | undefined, rule: string | undefined) => folded.cameras.get(camera ?? '')?.rules?.find((one) => one.name === rule)?.label || rule || ''
  const clipsOfIncident = (incident: Incident) => clipsOf(folded.clips.values(), incident.id)
  const alertsOf = (incident: Incident) => incident.alerts.flatMap((id) => folded.alerts.get(id) ?? [])

  return {
    ...folded, news, station, me, phase, problem, line, zone, cut, lost, asOf, mayAct, mayLead, start, stop, load, cameraName, uplinkName, ruleName, clipsOfIncident, alertsOf,
    put: (kind: 'incident' | 'task' | 'alert' | 'clip', item: unknown) => foldResource(folded, kind, item),
  }
})
