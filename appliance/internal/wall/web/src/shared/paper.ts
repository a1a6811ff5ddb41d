// A page on paper. In its margins: the station and what it is, from the second
// sheet on; who printed it and when; the number of the sheet.
import { onBeforeUnmount, onMounted, watch } from 'vue'
import { useClock } from './clock'
import { useRoom } from './room'
import { useSession } from './session'
import { clockTime, dayOf, parseStamp } from './time'
import { useWords } from './words'

// usePaperTimes writes times as a paper has them: with their day, in station time.
export function usePaperTimes() {
  const room = useRoom()
  const atMs = (ms: number) => `${dayOf(ms, room.zone)} ${clockTime(ms, room.zone, false)}`
  const at = (stamp: string | undefined): string => {
    const ms = parseStamp(stamp)
    return ms === undefined ? '–' : atMs(ms)
  }
  return { at, atMs }
}

const quoted = (text: string) => `"${text.replaceAll(/["\\]/g, '\\$&').replaceAll(/\s+/g, ' ')}"`

// usePaperMargins is for a page that is printed: title is what it is.
export function usePaperMargins(title: () => string) {
  const clock = useClock()
  const room = useRoom()
  const session = useSession()
  const { t } = useWords()
  const { atMs } = usePaperTimes()
  const sheet = new CSSStyleSheet() // made here: the box's policy lets no page carry styles

  function write() {
    const [before = '', between = '', after = ''] = t('paper.sheet', { sheet: '\0', sheets: '\0' }).split('\0').map(quoted)
    const printed = t('paper.printed', { name: session.session?.name ?? room.me?.name ?? '', at: atMs(clock.now) })
    sheet.replaceSync(`@page {
      @top-left { content: ${quoted(title())}; }
      @bottom-left { content: ${quoted(printed)}; }
      @bottom-right { content: ${before} counter(page) ${between} counter(pages) ${after}; }
    } @page :first { @top-left { content: none; } }`)
  }
  watch(title, write, { immediate: true })
  onMounted(() => {
    document.adoptedStyleSheets.push(sheet)
    window.addEventListener('beforeprint', write)
  })
  onBeforeUnmount(() => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet)
    window.removeEventListener('beforeprint', write)
  })
}
