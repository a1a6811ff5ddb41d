// Finding a camera by what people type: its name, its id, its group, or the
// pinyin of its name, whole or by initials ("步行街" by "bxj").
import type { Camera } from '@/shared/types'

export function matches(camera: Pick<Camera, 'id' | 'name' | 'groups' | 'pinyin'>, asked: string): boolean {
  const words = asked.trim().toLowerCase().split(/\s+/).filter(Boolean)
  const held = [camera.name, camera.id, ...(camera.groups ?? []), camera.pinyin ?? ''].join(' ').toLowerCase()
  return words.every((word) => held.includes(word))
}
