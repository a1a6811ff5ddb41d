// Words and times for templates: ages, clocks, names of kinds. A word that the
// language files do not know is shown as it came, never as a key.
import { useI18n } from 'vue-i18n'
import { useClock } from './clock'
import { useRoom } from './room'
import { ageParts, clockOrDate, clockTime, parseStamp } from './time'
import type { Problem } from './types'

const ageMattersMs = 24 * 3600_000

const causes: [RegExp, string][] = [
  [/refuses? the password|unauthori[sz]ed|\b401\b|bad user name or password|wrong password/i, 'password'],
  [/unknown user name/i, 'unknownUser'],
  [/starts? anew and learns|started anew/i, 'relearns'],
  [/box was not running/i, 'boxOff'],
  [/recorded with incidents only/i, 'incidentsOnly'],
  [/recording is off/i, 'recordOff'],
  [/analysis is off/i, 'analysisOff'],
  [/recorder is behind|pictures were lost on the box|gets through the analysis/i, 'boxBusy'],
  [/sen[dt]s? no picture|no pictures? comes?/i, 'no_pictures'],
  [/sends no sound/i, 'noSound'],
  [/set it to AAC|refuses to send its sound/i, 'soundCodec'],
  [/no key picture for|key pictures are more than/i, 'keyRare'],
  [/sizes of pictures vary/i, 'noisy'],
  [/detector does not find/i, 'unfound'],
  [/certificate is of/i, 'wrongCertificate'],
  [/not below|no topic/i, 'wrongTopic'],
  [/no such file|file does not exist/i, 'noFile'],
  [/connection refused/i, 'refused'],
  [/no route|unreachable|no such host/i, 'unreachable'],
  [/time-?out|timed out|deadline exceeded|no answer/i, 'timeout'],
  [/\bEOF\b|reset by peer|broken pipe|closed/i, 'broken'],
  [/\b404\b|not found/i, 'not_found'],
  [/whole clip was ready/i, 'superseded'],
  [/not kept any ?more|max_?age|too old/i, 'age'],
  [/disk (is )?full|must stay free|no space left|read-only/i, 'diskFull'],
  [/budget|no room|disk/i, 'budget'],
]

export function useWords() {
  const { t: translate, te, locale } = useI18n()
  const room = useRoom()
  const clock = useClock()

  // t fills a text in; where it counts, its n chooses between one and many.
  function t(key: string, values: Record<string, unknown> = {}): string {
    const n = Number(values.n)
    return Number.isFinite(n) ? translate(key, values, n) : translate(key, values)
  }

  function word(group: string, code: string | undefined): string {
    if (!code) return ''
    const key = `${group}.${code.replaceAll('.', '_')}`
    return te(key) ? t(key) : code
  }

  // reason puts the box's free words into the user's: it knows the usual causes
  // and shows the rest as they came.
  function reason(text: string | undefined): string {
    if (!text) return ''
    if (te(`why.${text}`)) return t(`why.${text}`)
    const known = causes.find(([pattern]) => pattern.test(text))
    return known ? t(`why.${known[1]}`) : text
  }

  function duration(ms: number): string {
    const { unit, d, h, m, s } = ageParts(ms)
    const two = (n: number) => String(n).padStart(2, '0')
    if (unit === 'seconds') return t('time.seconds', { s })
    if (unit === 'minutes') return t('time.minutes', { m, s: two(s) })
    if (unit === 'hours') return t('time.hours', { h, m: two(m) })
    return t('time.days', { d, h })
  }

  const clockOf = (stamp: string | undefined): string => {
    const ms = parseStamp(stamp)
    return ms === undefined ? '–' : clockOrDate(ms, clock.seconds, room.zone)
  }
  const clockMs = (ms: number) => clockTime(ms, room.zone)

  // since: an age while it matters, the clock after. With the line cut it stops.
  function since(stamp: string | undefined): string {
    const ms = parseStamp(stamp)
    if (ms === undefined) return '–'
    const age = room.asOf - ms
    return age < ageMattersMs ? duration(age) : clockOrDate(ms, clock.seconds, room.zone)
  }

  function problemText(problem: Problem): { what: string; why: string; remedy: string } {
    const known = te(`problem.${problem.code}.what`)
    const seconds = problem.retry_after_s ?? 0
    const values = { seconds, field: word('field', problem.field), state: word(te(`state.${problem.state}`) ? 'state' : 'taskState', problem.state), detail: problem.detail }
    if (!known) return { what: problem.title, why: problem.detail, remedy: problem.remedy ?? t('problem.remedy') }
    return {
      what: t(`problem.${problem.code}.what`, values),
      why: te(`problem.${problem.code}.why`) ? t(`problem.${problem.code}.why`, values) : problem.detail,
      remedy: te(`problem.${problem.code}.remedy`) ? t(`problem.${problem.code}.remedy`, values) : t('problem.remedy'),
    }
  }

  return { t, te, language: locale, word, duration, since, clockOf, clockMs, reason, problemText }
}
