// Live pictures, one connection for each camera and size of picture, however
// many tiles show it.
// It comes back by itself: a camera that is not live is asked again when the
// box says to, and at once when the box says that pictures come.
import { reactive, shallowRef, type ShallowRef } from 'vue'
import { ApiError, problemOf } from '@/shared/api'
import { framesDecoded, openWhep, type WhepSession } from './whep'

const pollMs = 400
const staleMs = 2000 // no new picture for so long: not live any more
const restartMs = 6000 // and for so long: this connection is given up
const firstFrameMostMs = 8000
const lingerMs = 1500 // a tile that moves keeps its connection
const retryFirstMs = 1000
const retryMostMs = 5000

export interface LiveState {
  phase: 'connecting' | 'live' | 'stale'
  since: number // local ms of the present phase
  frameAt: number // local ms of the newest picture; 0: none yet
  frames: number
  problem: string // code, while not live
}

declare global {
  interface Window {
    // For tests: the connection of each camera on this page, so that they can
    // read getStats().
    __tiles: Record<string, RTCPeerConnection>
  }
}

export class LiveCamera {
  readonly stream: ShallowRef<MediaStream | undefined> = shallowRef()
  readonly state: LiveState = reactive({ phase: 'connecting', since: Date.now(), frameAt: 0, frames: 0, problem: '' })
  users = 0
  private closed = false
  private session: WhepSession | undefined
  private wakeUp: (() => void) | undefined
  private retryMs = retryFirstMs

  constructor(readonly camera: string, readonly small = false) {
    void this.run()
  }

  // wake ends a wait: the box said that something changed.
  wake() {
    this.retryMs = retryFirstMs
    this.wakeUp?.()
  }

  close() {
    this.closed = true
    this.drop()
    this.wakeUp?.()
  }

  private async run() {
    while (!this.closed) {
      let waitMs = 0
      try {
        await this.watch()
      } catch (error) {
        waitMs = this.failed(error)
      }
      this.drop()
      if (!this.closed && waitMs > 0) await this.pause(waitMs)
    }
  }

  private failed(error: unknown): number {
    const problem = problemOf(error)
    this.state.problem = error instanceof ApiError ? problem.code : 'whep_failed'
    if (this.state.phase === 'live') this.enter('stale')
    const asked = (problem.retry_after_s ?? 0) * 1000
    const waitMs = Math.min(Math.max(asked, this.retryMs), Math.max(asked, retryMostMs))
    this.retryMs = Math.min(this.retryMs * 1.5, retryMostMs)
    return waitMs
  }

  private async watch() {
    const session = await openWhep(this.camera, this.small, (stream) => (this.stream.value = stream))
    if (this.closed) return session.end()
    this.session = session
    window.__tiles[this.camera] = session.pc
    const openedAt = Date.now()
    let frames = 0
    let frameAt = 0
    while (!this.closed && this.session === session) {
      const decoded = await framesDecoded(session.pc)
      const now = Date.now()
      if (decoded > frames) {
        frames = decoded
        frameAt = now
        Object.assign(this.state, { frames, frameAt, problem: '' })
        this.retryMs = retryFirstMs
        if (this.state.phase !== 'live') this.enter('live')
      }
      if (frameAt > 0 && now - frameAt > staleMs && this.state.phase === 'live') this.enter('stale')
      if (frameAt > 0 ? now - frameAt > restartMs : now - openedAt > firstFrameMostMs) throw new Error('no pictures')
      if (['failed', 'closed'].includes(session.pc.connectionState)) throw new Error('connection lost')
      await this.pause(pollMs)
    }
  }

  private enter(phase: LiveState['phase']) {
    this.state.phase = phase
    this.state.since = Date.now()
  }

  private drop() {
    if (!this.session) return
    if (window.__tiles[this.camera] === this.session.pc) delete window.__tiles[this.camera]
    this.session.end()
    this.session = undefined
  }

  private pause(ms: number): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(end, ms)
      const self = this
      function end() {
        clearTimeout(timer)
        self.wakeUp = undefined
        done()
      }
      this.wakeUp = end
    })
  }
}

const cameras = new Map<string, LiveCamera>()

const keyOf = (camera: string, small: boolean) => `${camera}/${small ? 'sub' : 'main'}`

// small: the camera's sub stream, for those who know that it has one.
export function acquire(camera: string, small = false): LiveCamera {
  const key = keyOf(camera, small)
  let live = cameras.get(key)
  if (!live) cameras.set(key, (live = new LiveCamera(camera, small)))
  live.users++
  return live
}

export function release(live: LiveCamera) {
  const key = keyOf(live.camera, live.small)
  live.users--
  setTimeout(() => {
    if (live.users > 0 || cameras.get(key) !== live) return
    cameras.delete(key)
    live.close()
  }, lingerMs)
}

export function closeAll() {
  for (const live of cameras.values()) live.close()
  cameras.clear()
}
