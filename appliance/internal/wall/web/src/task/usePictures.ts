// The pictures that somebody adds to a report: each is sent at once, and may
// be taken out again or tried anew.
import { computed, onBeforeUnmount, reactive } from 'vue'
import { newKey, problemOf } from '@/shared/api'
import type { Problem } from '@/shared/types'
import { bring, prepared } from '@/shared/upload'

export interface Upload {
  id: string // also the key of every try
  name: string
  file: File
  url: string // to look at
  share: number // sent, 0 to 1
  sha256?: string // once the box has it
  problem?: Problem
}

// usePictures adds up to room() pictures.
export function usePictures(room: () => number) {
  const uploads = reactive<Upload[]>([])
  const aborts = new Map<string, () => void>()
  const busy = computed(() => uploads.some((one) => !one.sha256 && !one.problem))
  const hashes = computed(() => [...new Set(uploads.flatMap((one) => one.sha256 ?? []))])

  // add takes what fits, and returns how many did not.
  function add(files: Iterable<File>): number {
    let left = 0
    for (const file of files) {
      if (uploads.length >= room()) {
        left++
        continue
      }
      uploads.push({ id: newKey(), name: file.name, file, url: URL.createObjectURL(file), share: 0 })
      void send(uploads[uploads.length - 1]!)
    }
    return left
  }

  async function send(one: Upload) {
    one.problem = undefined
    one.share = 0
    try {
      const picture = await prepared(one.file)
      if (!uploads.includes(one)) return // taken out meanwhile
      const { done, abort } = bring(picture, one.id, (share) => (one.share = share))
      aborts.set(one.id, abort)
      one.sha256 = (await done).sha256
    } catch (error) {
      one.problem = problemOf(error)
    } finally {
      aborts.delete(one.id)
    }
  }

  function remove(one: Upload) {
    uploads.splice(uploads.indexOf(one), 1)
    aborts.get(one.id)?.()
    URL.revokeObjectURL(one.url)
  }

  onBeforeUnmount(() => [...uploads].forEach(remove))
  return { uploads, busy, hashes, add, send, remove }
}
