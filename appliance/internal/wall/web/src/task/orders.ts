// The order that is before the operator, and the verbs on it.
import { defineStore } from 'pinia'
import { computed, reactive, ref, shallowRef } from 'vue'
import { call, newKey, problemOf } from '@/shared/api'
import { useRoom } from '@/shared/room'
import type { EventDelivery, NewTask, Problem, Task, TaskAnswer, TaskVerb } from '@/shared/types'
import { asks, may } from './tasks'

export interface TaskBody {
  reason?: string
  report?: string
  steps?: number[]
  pictures?: string[]
}

export const useOrders = defineStore('orders', () => {
  const room = useRoom()
  const selected = ref<string>()
  const busy = reactive(new Set<string>()) // "{id}/{verb}"
  const problem = shallowRef<Problem>()
  const asking = ref<TaskVerb>() // the verb whose dialog is open
  const issuing = shallowRef<{ incident?: string }>() // the dialog of a new order
  const ways = shallowRef(new Map<string, EventDelivery>()) // of the selected order's events
  const said = shallowRef<{ id: string; touched: number; possible: string[] }>() // the box's word on an order's verbs

  const current = computed(() => (selected.value ? room.tasks.get(selected.value) : undefined))
  function can(task: Task | undefined, verb: TaskVerb): boolean {
    if (!task || room.cut) return false
    const fresh = said.value?.id === task.id && said.value.touched === task.touched
    return fresh ? said.value!.possible.includes(verb) : may(task, verb, room.me)
  }

  function take(answer: TaskAnswer): Task {
    room.put('task', answer.task)
    said.value = { id: answer.task.id, touched: answer.task.touched, possible: answer.possible }
    if (answer.task.id === selected.value) ways.value = new Map(answer.deliveries.map((event) => [event.event, event]))
    return answer.task
  }

  async function load(id: string) {
    try {
      take(await call<TaskAnswer>('GET', `/tasks/${encodeURIComponent(id)}`))
    } catch (error) {
      if (!room.tasks.has(id)) problem.value = problemOf(error)
    }
  }

  // act does a verb, or first asks what the box wants to be told with it.
  async function act(task: Task, verb: TaskVerb, body?: TaskBody, key = newKey()): Promise<boolean> {
    const name = `${task.id}/${verb}`
    if (busy.has(name) || !can(task, verb)) return false
    problem.value = undefined
    if (asks(task, verb) && !body) {
      asking.value = verb
      return false
    }
    busy.add(name)
    try {
      take(await call<TaskAnswer>('POST', `/tasks/${task.id}/${verb}`, { body: body ?? {}, key }))
      return true
    } catch (error) {
      problem.value = problemOf(error)
      return false
    } finally {
      busy.delete(name)
    }
  }

  const issue = async (body: NewTask, key: string): Promise<Task> => take(await call<TaskAnswer>('POST', '/tasks', { body, key }))

  return { selected, busy, problem, asking, issuing, ways, current, can, act, issue, load }
})
