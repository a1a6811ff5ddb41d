// The operator's keys. One map, shown by "?" and tested; no key does anything
// while something is being written.
export type KeyAction =
  | 'next' | 'previous' | 'acknowledge' | 'claim' | 'close' | 'note' | 'reopen' | 'report' | 'order' | 'arrive' | 'feedback' | 'sendBack' | 'handBack' | 'filter' | 'help'
  | 'dispatch' | 'link' | 'merge' | 'split' | 'score' | 'followUp' | 'route'
  | 'answer' | 'leave'

export const keyMap: Readonly<Record<string, KeyAction>> = {
  j: 'next',
  ArrowDown: 'next',
  k: 'previous',
  ArrowUp: 'previous',
  a: 'acknowledge',
  c: 'claim',
  x: 'close',
  n: 'note',
  o: 'reopen',
  r: 'report',
  t: 'order',
  d: 'dispatch',
  v: 'arrive',
  l: 'link',
  m: 'merge',
  s: 'split',
  f: 'followUp',
  g: 'score',
  p: 'route',
  b: 'feedback',
  z: 'sendBack',
  h: 'handBack',
  '/': 'filter',
  '?': 'help',
  Enter: 'answer',
  ' ': 'answer',
  Escape: 'leave',
}

export interface KeyPress {
  key: string
  ctrlKey: boolean
  metaKey: boolean
  altKey: boolean
  repeat: boolean
  target: EventTarget | null
}

interface Focusable {
  tagName?: string
  isContentEditable?: boolean
  closest?: (selector: string) => unknown
}

// keyAction gives what a key press means here, or undefined.
export function keyAction(press: KeyPress): KeyAction | undefined {
  if (press.ctrlKey || press.metaKey || press.altKey) return undefined
  const action = keyMap[press.key.length === 1 ? press.key.toLowerCase() : press.key]
  if (!action) return undefined
  const at = press.target as Focusable | null
  if (at?.closest?.('dialog[open]')) return undefined // it closes by Escape itself
  if (at?.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(at?.tagName ?? '')) {
    return action === 'leave' ? action : undefined
  }
  // A held key moves through the list but never acts twice.
  if (press.repeat && action !== 'next' && action !== 'previous') return undefined
  // A button or a link that has the focus takes Enter and space itself.
  if (action === 'answer' && at?.closest?.('button, a, video, summary, [role="button"]')) return undefined
  return action
}
