// Drills: what was exercised when, asked again when something of it changes.
import type { components } from '@/shared/api.gen'
import { call } from '@/shared/api'
import { useAsked } from '@/shared/asked'
import { useFresh } from '@/shared/fresh'
import { parseStamp } from '@/shared/time'

export type Drill = components['schemas']['Drill']
export type DrillRun = components['schemas']['DrillRun']
export type Drills = components['schemas']['Drills']
type DrillAnswer = components['schemas']['DrillAnswer']

export function useDrills() {
  const { answer: drills, problem, busy, at, load } = useAsked<Drills>('/drills', 0)
  useFresh(['drill'], load)

  // The two parts of a rule's target are two parts of the path.
  const path = (target: string) => target.split('/').map(encodeURIComponent).join('/')
  async function run(target: string, key: string) {
    const answer = await call<DrillAnswer>('POST', `/drills/${path(target)}/run`, { key })
    void load()
    return answer
  }

  return { drills, problem, busy, at, load, run }
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
