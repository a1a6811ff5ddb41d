// Drills: what was exercised when, asked again while it is looked at; quicker
// while one is under way.
import { onMounted, onUnmounted, ref, shallowRef } from 'vue'
import type { components } from '@/shared/api.gen'
import { call, problemOf } from '@/shared/api'
import { parseStamp } from '@/shared/time'
import type { Problem } from '@/shared/types'

export type Drill = components['schemas']['Drill']
export type DrillRun = components['schemas']['DrillRun']
export type Drills = components['schemas']['Drills']
type DrillAnswer = components['schemas']['DrillAnswer']

const askMs = 10_000
const askRunningMs = 700

export function useDrills() {
  const drills = shallowRef<Drills>()
  const problem = shallowRef<Problem>()
  const busy = ref(true)
  let timer: ReturnType<typeof setTimeout> | undefined
  let ended = false

  async function load() {
    clearTimeout(timer)
    try {
      drills.value = await call<Drills>('GET', '/drills')
      problem.value = undefined
    } catch (error) {
      problem.value = problemOf(error)
    } finally {
      busy.value = false
    }
    const running = drills.value?.items.some((one) => one.run)
    if (!ended) timer = setTimeout(() => void load(), running ? askRunningMs : askMs)
  }

  // The two parts of a rule's target are two parts of the path.
  const path = (target: string) => target.split('/').map(encodeURIComponent).join('/')
  async function run(target: string, key: string) {
    const answer = await call<DrillAnswer>('POST', `/drills/${path(target)}/run`, { key })
    void load()
    return answer
  }

  onMounted(() => void load())
  onUnmounted(() => {
    ended = true
    clearTimeout(timer)
  })
  return { drills, problem, busy, load, run }
}

export interface Mark {
  step: 'stored' | 'shown' | 'acknowledged' | 'received'
  uplink?: string
  ms?: number // since the drill began; none: it has not come
  late: boolean
}

// marks are the steps of a drill in their order, with how long each took.
export function marks(run: DrillRun): Mark[] {
  const began = parseStamp(run.begun_at) ?? 0
  const took = (stamp?: string) => {
    const at = parseStamp(stamp)
    return at === undefined ? undefined : at - began
  }
  const late = (name: string) => run.late.includes(name)
  const list: Mark[] = [{ step: 'stored', ms: took(run.stored_at), late: late('stored') }]
  if (run.alert) list.push({ step: 'shown', ms: took(run.shown_at), late: late('shown') })
  if (run.incident) list.push({ step: 'acknowledged', ms: took(run.acknowledged_at), late: late('acknowledged') })
  for (const { uplink } of run.uplinks) list.push({ step: 'received', uplink, ms: took(run.received[uplink]), late: late(`received/${uplink}`) })
  return list
}

export type Question = 'never_heard' | 'never_drilled' | 'stale' | 'failed'

// answers reports whether a target belongs to a question.
export function answers(one: Drill, question: Question): boolean {
  switch (question) {
    case 'never_heard':
      return !one.heard
    case 'never_drilled':
      return !one.last
    case 'stale':
      return one.stale
    case 'failed':
      return Boolean(one.last && one.last.result !== 'passed')
  }
}
