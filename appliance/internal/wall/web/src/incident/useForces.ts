// Whom to send to an incident, and the standard pieces of work: both the box's.
import { onScopeDispose, ref, shallowRef } from 'vue'
import { call } from '@/shared/api'
import type { IncidentForces, Template, TemplateList, Unit } from '@/shared/types'

const againMs = 10_000 // positions and orders change while one chooses

export function useForces(incident: string) {
  const units = shallowRef<Unit[]>([])
  const asked = ref(false)
  let timer: ReturnType<typeof setTimeout> | undefined
  let gone = false

  async function load() {
    try {
      const answer = await call<IncidentForces>('GET', `/incidents/${encodeURIComponent(incident)}/forces`)
      if (gone) return
      units.value = answer.items
    } catch {
      // What stands stays; a name can still be written.
    }
    if (gone) return
    asked.value = true
    timer = setTimeout(() => void load(), againMs)
  }
  void load()
  onScopeDispose(() => {
    gone = true
    clearTimeout(timer)
  })
  return { units, asked }
}

export function useTemplates() {
  const templates = shallowRef<Template[]>([])
  call<TemplateList>('GET', '/templates').then((answer) => (templates.value = answer.items), () => {}) // without them the words are one's own
  return templates
}
