// What an order says and whom it is for, in the user's words.
import { useRoom } from '@/shared/room'
import type { Task } from '@/shared/types'
import { useWords } from '@/shared/words'
import { lateness } from './tasks'

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
    const late = { report: 'lateTask', judge: 'lateJudge', step: 'lateStep' }[(order && lateness(order, room.asOf)) ?? 'report']
    const words = order ? t(`task.${late}`, { n: order.number, to: toName(order), note: order.note || order.title || '', who: order.owner || order.by }) : t('task.lateSome')
    return { to: { name: 'task', params: { id } }, words }
  }
  const what = (task: Task): string => about(task)?.words ?? (task.note || task.title || task.template || '')
  const toName = (task: Task): string => (task.kind === 'supervision' ? t('role.lead') : task.to_name || task.to)
  // byName is who did a step of the order: its receiver by his name.
  const byName = (task: Task | undefined, by: string | undefined): string => (!by || by === 'box' ? '' : task && by === task.to ? toName(task) : by)
  // said is what a step of an order noted: a work order's news is no text.
  // What is overdue besides the report names its step, or who is to judge.
  const said = (step: { type: string; what?: 'judge' | 'step'; note?: string }): string => {
    if (step.what) return t(step.what === 'judge' ? 'task.saidJudge' : 'task.saidStep', { note: step.note ?? '' })
    return step.type === 'task.delivered' || step.type === 'task.undeliverable' ? '' : step.note ?? ''
  }
  return { about, what, toName, byName, said }
}
