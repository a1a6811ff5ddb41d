// Video patrol: plans and rounds, asked again while they are looked at, and
// what whoever walks a round does.
import { onMounted, onUnmounted, ref, shallowRef } from 'vue'
import type { components } from '@/shared/api.gen'
import { call, problemOf } from '@/shared/api'
import { parseStamp } from '@/shared/time'
import type { Problem } from '@/shared/types'

export type Patrol = components['schemas']['Patrol']
export type Round = components['schemas']['Round']
export type Looked = components['schemas']['Looked']
export type Finding = components['schemas']['Finding']
type RoundAnswer = components['schemas']['RoundAnswer']

const askMs = 4000

export function usePatrols() {
  const plans = shallowRef<Patrol[]>()
  const problem = shallowRef<Problem>()
  const busy = ref(true)

  async function load() {
    try {
      plans.value = (await call<{ items: Patrol[] }>('GET', '/patrols')).items
      problem.value = undefined
    } catch (error) {
      problem.value = problemOf(error)
    } finally {
      busy.value = false
    }
  }

  // take puts an answer's plan in the place of the older one.
  function take(answer: RoundAnswer): RoundAnswer {
    plans.value = plans.value?.map((p) => (p.plan === answer.patrol.plan && answer.patrol.touched >= p.touched ? answer.patrol : p))
    return answer
  }

  const begin = async (plan: string, reason: string, key: string) =>
    take(await call<RoundAnswer>('POST', `/patrols/${encodeURIComponent(plan)}/begin`, { body: reason ? { reason } : {}, key }))
  const act = async (round: string, verb: 'see' | 'finish' | 'give_up', body: object, key: string) =>
    take(await call<RoundAnswer>('POST', `/rounds/${encodeURIComponent(round)}/${verb}`, { body, key }))

  let timer: ReturnType<typeof setInterval> | undefined
  onMounted(() => {
    void load()
    timer = setInterval(() => void load(), askMs)
  })
  onUnmounted(() => clearInterval(timer))
  return { plans, problem, busy, load, begin, act }
}

export type Patrols = ReturnType<typeof usePatrols>

// standing is how the plan's next round stands, in one word.
export function standing(plan: Patrol, now: number): 'walked' | 'due' | 'waits' | 'free' {
  if (plan.round) return 'walked'
  if (!plan.due) return 'free'
  return now >= (parseStamp(plan.due) ?? 0) || plan.open ? 'due' : 'waits'
}

// tally counts a round's cameras.
export function tally(round: Round) {
  const signed = round.cameras.filter((c) => c.at)
  return { of: round.cameras.length, signed: signed.length, seen: signed.filter((c) => c.seen).length, unseen: signed.filter((c) => !c.seen).length }
}

// nextOf is the first camera after this place that nobody has signed; -1: none.
export function nextOf(round: Round, from: number): number {
  const n = round.cameras.length
  for (let i = 1; i <= n; i++) {
    const at = (from + i + n) % n
    if (!round.cameras[at]!.at) return at
  }
  return -1
}
