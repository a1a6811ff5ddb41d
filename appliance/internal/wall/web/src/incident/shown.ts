// Tells the box, once for each alert, that this screen has drawn it. Called
// after the row is in the document; the word goes out after the paint. A hidden
// page paints nothing and says nothing.
import { call } from '@/shared/api'
import { useClock } from '@/shared/clock'
import { useRoom } from '@/shared/room'
import { parseStamp } from '@/shared/time'
import type { Alert, Incident } from '@/shared/types'

const screenKey = 'watchpost.screen'
const atOnceMost = 4
const newsMs = 60_000

export function screenName(): string {
  const asked = new URLSearchParams(location.search).get('screen')
  const held = asked ?? sessionStorage.getItem(screenKey) ?? `web-${Math.random().toString(36).slice(2, 8)}`
  sessionStorage.setItem(screenKey, held)
  return held.slice(0, 64)
}

const afterPaint = () => new Promise<void>((done) => requestAnimationFrame(() => setTimeout(done, 0)))

export function useShown() {
  const room = useRoom()
  const clock = useClock()
  const screen = screenName()
  const said = new Set<string>()
  const waiting: { alert: string; at: string }[] = []
  let busy = 0

  // A screen that is opened later does not speak of what others drew long ago.
  function isNews(alert: Alert): boolean {
    if (!alert.shown_at) return true
    const recorded = parseStamp(alert.recorded) ?? 0
    return !alert.screens?.includes(screen) && clock.now - recorded < newsMs
  }

  async function drawn(incidents: Incident[]) {
    const news = incidents
      .flatMap((incident) => room.alertsOf(incident))
      .filter((alert) => isNews(alert) && !said.has(alert.id))
    if (news.length === 0) return
    for (const alert of news) said.add(alert.id)
    await afterPaint()
    const at = new Date(clock.now).toISOString()
    waiting.push(...news.map((alert) => ({ alert: alert.id, at })))
    void send()
  }

  async function send() {
    while (busy < atOnceMost) {
      const next = waiting.shift()
      if (!next) return
      busy++
      call('POST', `/alerts/${next.alert}/shown`, { body: { screen, at: next.at } })
        // Lost word: the next repaint of a still unshown alert says it again.
        .catch(() => said.delete(next.alert))
        .finally(() => {
          busy--
          void send()
        })
    }
  }

  return { drawn }
}
