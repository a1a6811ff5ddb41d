// Video patrol: plans and rounds, asked again when one of them changes, and what
// whoever walks a round does.
import { computed } from 'vue'
import type { components } from '@/shared/api.gen'
import { call } from '@/shared/api'
import { useAsked } from '@/shared/asked'
import { useFresh } from '@/shared/fresh'
import { parseStamp } from '@/shared/time'

export type Patrol = components['schemas']['Patrol']
export type Round = components['schemas']['Round']
export type Looked = components['schemas']['Looked']
export type Finding = components['schemas']['Finding']
type RoundAnswer = components['schemas']['RoundAnswer']

export function usePatrols() {
  const { answer, problem, busy, at, load } = useAsked<{ items: Patrol[] }>('/patrols', 0)
  useFresh(['patrol'], load)
  const plans = computed(() => answer.value?.items)

  // take puts an answer's plan in the place of the older one.
  function take(given: RoundAnswer): RoundAnswer {
    const { patrol } = given
    if (answer.value) answer.value = { items: answer.value.items.map((p) => (p.plan === patrol.plan && patrol.touched >= p.touched ? patrol : p)) }
    return given
  }

  const begin = async (plan: string, reason: string, key: string) =>
    take(await call<RoundAnswer>('POST', `/patrols/${encodeURIComponent(plan)}/begin`, { body: reason ? { reason } : {}, key }))
  const act = async (round: string, verb: 'see' | 'finish' | 'give_up', body: object, key: string) =>
    take(await call<RoundAnswer>('POST', `/rounds/${encodeURIComponent(round)}/${verb}`, { body, key }))

  return { plans, problem, busy, at, load, begin, act }
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
