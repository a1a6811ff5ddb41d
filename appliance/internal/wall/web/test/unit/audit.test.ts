import { describe, expect, it } from 'vitest'
import { auditChanges, auditWords } from '../../src/access/audit'

describe('the words of the audit', () => {
  it.each([
    ['live', 'live', {}],
    ['recording 2026-01-01T00:00:00.000Z/2026-01-01T00:01:00.000Z', 'recording', { a: '2026-01-01T00:00:00.000Z', b: '2026-01-01T00:01:00.000Z' }],
    ['made lobby (0123456789abcdef), role kiosk, until 2027-01-01T00:00:00Z', 'madeToken', { a: 'lobby', d: '2027-01-01T00:00:00Z' }],
    ['made 李雷, role operator all cameras', 'madeUser', { a: '李雷', b: 'operator' }],
    ['made wang, role operator, on the box', 'madeUser', { a: 'wang', b: 'operator' }],
    ['changed wang: disabled', 'changedUser', { a: 'wang', b: 'disabled' }],
    ['made front door (0123456789abcdef), role kiosk, until 2027-01-01T00:00:00Z', 'madeToken', { a: 'front door' }],
    ['review', 'review', {}],
    ['tally of everybody', 'tallyAll', {}],
    ['tally of zhang', 'tally', { a: 'zhang' }],
    ['cameras.csv', 'cameras', {}],
    ['track of zhang 2026-01-01T00:00:00.000Z/2026-01-01T01:00:00.000Z: 核查', 'track', { a: 'zhang', d: '核查' }],
    ['2026-01-01 to 2026-01-07', 'days', { a: '2026-01-01', b: '2026-01-07' }],
    ['forbidden GET /api/v1/journal', 'forbidden', { a: 'GET /api/v1/journal' }],
    ['erase alarm/2: court order 7 (ABCD)', 'requested', { a: 'erase', b: 'alarm/2', c: 'court order 7' }],
    ['asked by li, approved by zhou: erase alarm/2: court order 7 (ABCD)', 'approved', { a: 'li', b: 'zhou', c: 'erase', d: 'alarm/2' }],
  ])('%s', (text, key, values) => {
    const found = auditWords(text)
    expect(found?.key).toBe(`auditWhy.${key}`)
    expect(found?.values).toMatchObject(values)
  })

  it('knows what was changed of a user', () => {
    expect(auditChanges('role officer → lead, disabled, new password, sees all cameras, sees 2 cameras and 0 groups only, renamed').map((one) => (typeof one === 'string' ? one : one.key))).toEqual([
      'auditWhy.changedRole', 'auditWhy.disabled', 'auditWhy.newPassword', 'auditWhy.seesAll', 'auditWhy.seesSome', 'renamed',
    ])
  })

  it('shows what it does not know as it came', () => expect(auditWords('something new')).toBeUndefined())
})
