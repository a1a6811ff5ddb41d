import { describe, expect, it } from 'vitest'
import { keyAction, keyMap, type KeyPress } from '@/incident/keys'

const press = (key: string, more: Partial<KeyPress> = {}): KeyPress => ({ key, ctrlKey: false, metaKey: false, altKey: false, repeat: false, target: null, ...more })
const element = (tagName: string, inside: string[] = []) => ({ tagName, closest: (selector: string) => (inside.some((s) => selector.includes(s)) ? {} : null) }) as unknown as EventTarget

describe('keys', () => {
  it.each([['j', 'next'], ['k', 'previous'], ['a', 'acknowledge'], ['c', 'claim'], ['x', 'close'], ['n', 'note'], ['/', 'filter'], ['?', 'help'], ['Enter', 'answer'], [' ', 'answer'], ['J', 'next']])('%s is %s', (key, action) =>
    expect(keyAction(press(key))).toBe(action))

  it('do nothing while something is written, but Escape leaves it', () => {
    for (const tag of ['INPUT', 'TEXTAREA', 'SELECT']) {
      for (const key of Object.keys(keyMap)) expect(keyAction(press(key, { target: element(tag) }))).toBe(key === 'Escape' ? 'leave' : undefined)
    }
  })

  it('do nothing inside a dialog, with a modifier, or unknown', () => {
    expect(keyAction(press('c', { target: element('DIV', ['dialog']) }))).toBeUndefined()
    expect(keyAction(press('c', { ctrlKey: true }))).toBeUndefined()
    expect(keyAction(press('q'))).toBeUndefined()
  })

  it('move while held, but act once', () => {
    expect(keyAction(press('j', { repeat: true }))).toBe('next')
    expect(keyAction(press('c', { repeat: true }))).toBeUndefined()
  })

  it('leave Enter to the button that has the focus', () => {
    expect(keyAction(press('Enter', { target: element('BUTTON', ['button']) }))).toBeUndefined()
    expect(keyAction(press('c', { target: element('BUTTON', ['button']) }))).toBe('claim')
  })
})
