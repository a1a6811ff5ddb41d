// A picture on its way to the box, with its progress. fetch tells none.
import { ApiError, apiBase, problem, readProblem } from './api'
import type { Problem } from './types'

const withinMs = 60_000

export interface Brought { sha256: string; width: number; height: number; bytes: number }

// bring sends a picture; progress goes from 0 to 1, abort ends it.
export function bring(picture: Blob, key: string, progress: (share: number) => void): { done: Promise<Brought>; abort: () => void } {
  const request = new XMLHttpRequest()
  const done = new Promise<Brought>((taken, refused) => {
    const fail = () => refused(new ApiError(problem('unreachable', 0, 'no answer')))
    request.open('POST', `${apiBase}/pictures`)
    request.timeout = withinMs
    request.setRequestHeader('Content-Type', picture.type)
    request.setRequestHeader('Idempotency-Key', key)
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total)
    request.onerror = request.ontimeout = request.onabort = fail
    request.onload = async () => {
      const answer = new Response(request.responseText, { status: request.status, headers: { 'Content-Type': request.getResponseHeader('Content-Type') ?? '' } })
      if (answer.ok) taken((await answer.json()) as Brought)
      else refused(new ApiError(await readProblem(answer)))
    }
    request.send(picture)
  })
  return { done, abort: () => request.abort() }
}

export const sideMax = 1920 // the box keeps no more
const bytesMax = 12 << 20 // nor takes more
const small = 1 << 20 // is sent as it is

// prepared is the picture as it is sent: one that is large, or that the box
// does not know, is drawn smaller here, which also leaves its EXIF behind.
export async function prepared(file: File): Promise<Blob> {
  const known = file.type === 'image/jpeg' || file.type === 'image/png'
  if (known && file.size <= small) return file
  let bitmap: ImageBitmap
  try {
    bitmap = await createImageBitmap(file)
  } catch {
    if (known && file.size <= bytesMax) return file // the box says what is wrong with it
    throw new ApiError(refusal(known ? 'picture_too_large' : 'picture_kind'))
  }
  const scale = Math.min(1, sideMax / Math.max(bitmap.width, bitmap.height))
  const canvas = document.createElement('canvas')
  canvas.width = Math.max(1, Math.round(bitmap.width * scale))
  canvas.height = Math.max(1, Math.round(bitmap.height * scale))
  const paper = canvas.getContext('2d')!
  paper.fillStyle = '#fff'
  paper.fillRect(0, 0, canvas.width, canvas.height)
  paper.drawImage(bitmap, 0, 0, canvas.width, canvas.height)
  bitmap.close()
  const drawn = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/jpeg', 0.9))
  if (!drawn) throw new ApiError(refusal('picture_broken'))
  return drawn
}

const refusal = (code: string): Problem => problem(code, 0, code)
