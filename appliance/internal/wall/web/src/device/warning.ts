// A warning's text in the user's words, from its code and what varies in it. A
// code that the language files do not know is shown as the box said it.
import type { Warning } from '@/shared/types'
import { useWords } from '@/shared/words'

const stamp = /^\d{4}-\d\d-\d\dT/

export function warningKey(warning: Pick<Warning, 'code' | 'params'>): string {
  const other = warning.params?.case
  return `warningText.${warning.code}${other ? `_${other}` : ''}`
}

export function useWarningText() {
  const { t, te, reason, clockOf, word } = useWords()
  const plain = (name: string, value: string) => {
    if (name === 'why') return reason(value)
    if (name === 'class') return word('storage', value)
    return stamp.test(value) ? clockOf(value) : value
  }
  return (warning: Warning): string => {
    const key = warningKey(warning)
    if (!te(key)) return reason(warning.text)
    const values = Object.fromEntries(Object.entries(warning.params ?? {}).map(([name, value]) => [name, plain(name, value)]))
    return t(key, values)
  }
}
