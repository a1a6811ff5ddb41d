import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Stream, type StreamHandlers } from '@/shared/stream'

class FakeSource extends EventTarget {
  readyState = 1
  onopen: (() => void) | null = null
  onerror: (() => void) | null = null
  closed = false
  constructor(readonly url: string) {
    super()
  }
  close() {
    this.closed = true
  }
  say(type: string, data: unknown) {
    this.dispatchEvent(new MessageEvent(type, { data: JSON.stringify(data) }))
  }
}

describe('the stream', () => {
  const sources: FakeSource[] = []
  const handlers = { onResource: vi.fn(), onState: vi.fn(), onNews: vi.fn(), onForces: vi.fn(), onLine: vi.fn(), onGone: vi.fn() } satisfies StreamHandlers
  let stream: Stream

  beforeEach(() => {
    vi.useFakeTimers()
    vi.clearAllMocks()
    sources.length = 0
    stream = new Stream(handlers, (url) => {
      const source = new FakeSource(url)
      sources.push(source)
      return source as unknown as EventSource
    }, () => Date.now())
    stream.open('/events?after=e.1')
  })
  afterEach(() => {
    stream.close()
    vi.useRealTimers()
  })

  it('hands on resources and state, and says that the line stands', () => {
    sources[0]!.say('incident', { id: 'i1' })
    sources[0]!.say('state', { at: 'x' })
    expect(handlers.onResource).toHaveBeenCalledWith('incident', { id: 'i1' })
    expect(handlers.onState).toHaveBeenCalledWith({ at: 'x' })
    expect(handlers.onLine).toHaveBeenLastCalledWith(true)
  })

  it('tells news; where people are is none that one has to ask for', () => {
    sources[0]!.say('routing', { changed: ['lights'] })
    sources[0]!.say('forces', { changed: [], positions: [{ person: 'zhang' }] })
    expect(handlers.onNews.mock.calls).toEqual([['routing']])
    sources[0]!.say('forces', { changed: ['team/t1'], positions: [] })
    expect(handlers.onNews).toHaveBeenLastCalledWith('forces')
    expect(handlers.onForces).toHaveBeenCalledTimes(2)
  })

  it('leaves a reconnect to the browser', () => {
    sources[0]!.readyState = 0
    sources[0]!.onerror?.()
    expect(handlers.onLine).toHaveBeenLastCalledWith(false)
    expect(handlers.onGone).not.toHaveBeenCalled()
  })

  it('asks for the room again when the box refuses', () => {
    sources[0]!.readyState = 2
    sources[0]!.onerror?.()
    expect(handlers.onGone).toHaveBeenCalledOnce()
    expect(sources[0]!.closed).toBe(true)
  })

  it('says that a silent line is cut, and gives it up', () => {
    vi.advanceTimersByTime(5000)
    expect(handlers.onLine).toHaveBeenLastCalledWith(false)
    sources[0]!.say('state', {})
    expect(handlers.onLine).toHaveBeenLastCalledWith(true)
    vi.advanceTimersByTime(16_000)
    expect(handlers.onGone).toHaveBeenCalledOnce()
  })

  it('hears first what came while the page stood still', () => {
    vi.setSystemTime(Date.now() + 20_000)
    vi.advanceTimersByTime(500)
    expect(handlers.onLine).not.toHaveBeenCalled()
    sources[0]!.say('state', {})
    vi.advanceTimersByTime(3000)
    expect(handlers.onLine).not.toHaveBeenCalledWith(false)
    expect(handlers.onGone).not.toHaveBeenCalled()
  })

  it('gives up a silent line though the page is hidden and seldom looks', () => {
    for (let looks = 0; looks < 2; looks++) {
      vi.setSystemTime(Date.now() + 60_000)
      vi.advanceTimersByTime(500)
    }
    expect(handlers.onGone).toHaveBeenCalledOnce()
  })
})
