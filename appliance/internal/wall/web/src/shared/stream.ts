// The line to the box: server-sent events. It says what came, whether the line
// stands, and when the room must be loaded again (the place is gone, or the
// session is).
import { otherKinds, resourceKinds, type NewsKind, type ResourceKind } from './fold'
import type { ForcesNews, State } from './types'

export interface StreamHandlers {
  onResource(kind: ResourceKind, item: unknown): void
  onNews?(kind: NewsKind): void // something of the kind has changed
  onState(state: State): void
  onForces?(news: ForcesNews): void
  onLine(up: boolean): void // called on every change and on every sign of life
  onGone(): void // the browser gave up: load the room again
}

const silenceMs = 4000 // state events come about once a second
const giveUpMs = 15_000 // a line this silent is dead whatever TCP says
const watchMs = 500
const stoodMs = 1500 // a look that comes so late: the page itself stood still

export class Stream {
  private source: EventSource | undefined
  private heardAt = 0
  private lookedAt = 0
  private excused = false
  private watch: ReturnType<typeof setInterval> | undefined

  constructor(
    private readonly handlers: StreamHandlers,
    private readonly connect: (url: string) => EventSource = (url) => new EventSource(url),
    private readonly now: () => number = () => performance.now(),
  ) {}

  open(url: string) {
    this.close()
    const source = this.connect(url)
    this.source = source
    this.heardAt = this.lookedAt = this.now()
    source.onopen = () => this.heard()
    source.onerror = () => {
      if (source !== this.source) return
      this.handlers.onLine(false)
      // CLOSED: the box refused (410, 401, 5xx); EventSource never comes back by itself.
      if (source.readyState === 2) this.gone()
    }
    source.addEventListener('state', (event) => {
      this.heard()
      this.handlers.onState(JSON.parse((event as MessageEvent<string>).data) as State)
    })
    for (const kind of resourceKinds) {
      source.addEventListener(kind, (event) => {
        this.heard()
        this.handlers.onResource(kind, JSON.parse((event as MessageEvent<string>).data))
        this.handlers.onNews?.(kind)
      })
    }
    for (const kind of otherKinds) {
      source.addEventListener(kind, (event) => {
        this.heard()
        const told = JSON.parse((event as MessageEvent<string>).data)
        if (kind === 'forces') this.handlers.onForces?.(told as ForcesNews)
        // Where people are is told whole: nothing is to be asked for.
        if (kind !== 'forces' || (told as ForcesNews).changed.length > 0) this.handlers.onNews?.(kind)
      })
    }
    this.watch = setInterval(() => this.check(), watchMs)
  }

  close() {
    clearInterval(this.watch)
    this.source?.close()
    this.source = undefined
  }

  private heard() {
    this.heardAt = this.now()
    this.handlers.onLine(true)
  }

  private check() {
    const now = this.now()
    const stood = now - this.lookedAt > stoodMs
    this.lookedAt = now
    // What came while the page stood still is heard before the line is blamed;
    // once, for a hidden page's looks are all late.
    this.excused = stood && !this.excused
    if (this.excused) return
    const silent = now - this.heardAt
    if (silent > silenceMs) this.handlers.onLine(false)
    if (silent > giveUpMs) this.gone()
  }

  private gone() {
    this.close()
    this.handlers.onGone()
  }
}
