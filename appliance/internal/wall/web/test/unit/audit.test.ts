import { describe, expect, it } from 'vitest'
import { auditWords } from '../../src/access/audit'

describe('the words of the audit', () => {
  it.each([
    ['live', 'live', {}],
    ['recording 2026-01-01T00:00:00.000Z/2026-01-01T00:01:00.000Z', 'recording', { a: '2026-01-01T00:00:00.000Z', b: '2026-01-01T00:01:00.000Z' }],
    ['made lobby (0123456789abcdef), role kiosk, until 2027-01-01T00:00:00Z', 'madeToken', { a: 'lobby', d: '2027-01-01T00:00:00Z' }],
    ['made 李雷, role operator all cameras', 'madeUser', { a: '李雷', b: 'operator' }],
    ['made wang, role operator, on the box', 'madeUser', { a: 'wang', b: 'operator' }],
    ['changed wang: disabled', 'changedUser', { a: 'wang', b: 'disabled' }],
    ['forbidden GET /api/v1/journal', 'forbidden', { a: 'GET /api/v1/journal' }],
    ['erase alarm/2: court order 7 (ABCD)', 'requested', { a: 'erase', b: 'alarm/2', c: 'court order 7' }],
    ['asked by li, approved by zhou: erase alarm/2: court order 7 (ABCD)', 'approved', { a: 'li', b: 'zhou', c: 'erase', d: 'alarm/2' }],
  ])('%s', (text, key, values) => {
    const found = auditWords(text)
    expect(found?.key).toBe(`auditWhy.${key}`)
    expect(found?.values).toMatchObject(values)
  })

  it('shows what it does not know as it came', () => expect(auditWords('something new')).toBeUndefined())
})
