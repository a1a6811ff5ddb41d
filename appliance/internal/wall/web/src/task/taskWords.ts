// What an order says and whom it is for, in the user's words.
import { useRoom } from '@/shared/room'
import type { Task } from '@/shared/types'
import { useWords } from '@/shared/words'

export function useTaskWords() {
  const room = useRoom()
  const { t, word } = useWords()

  // about is what a supervision order is about: its page and its words.
  function about(task: Task): { to: { name: string; params: { id: string } }; words: string } | undefined {
    const [what, id] = (task.about ?? '').split('/')
    if (!id) return undefined
    if (what === 'incidents') {
      const incident = room.incidents.get(id)
      const words = incident ? t('task.lateIncident', { n: incident.number, kind: word('kind', incident.kind), place: incident.place.name || t('incident.noPlace') }) : t('task.lateSome')
      return { to: { name: 'incident', params: { id } }, words }
    }
    const order = room.tasks.get(id)
    return { to: { name: 'task', params: { id } }, words: order ? t('task.lateTask', { n: order.number, to: toName(order), note: order.note || order.title || '' }) : t('task.lateSome') }
  }
  const what = (task: Task): string => about(task)?.words ?? (task.note || task.title || task.template || '')
  const toName = (task: Task): string => (task.kind === 'supervision' ? t('role.lead') : task.to_name || task.to)
  // byName is who did a step of the order: its receiver by his name.
  const byName = (task: Task | undefined, by: string | undefined): string => (!by || by === 'box' ? '' : task && by === task.to ? toName(task) : by)
  // said is what a step of an order noted: a work order's news is no text.
  const said = (step: { type: string; note?: string }): string => (step.type === 'task.delivered' || step.type === 'task.undeliverable' ? '' : step.note ?? '')
  return { about, what, toName, byName, said }
}
