import { describe, expect, it } from 'vitest'
import { unreceivedBy } from '../../src/incident/deliveries'

const way = (uplink: string, oldest: string) => ({ uplink, mark: 'sent' as const, events: 2, received: 1, accepted: 0, rejected: 0, oldest })
const now = Date.parse('2026-03-01T14:00:10Z')

describe('what headquarters has not received', () => {
  it('is said after a moment, by name', () => {
    const delivery = { incident: 'i', uplinks: [way('hq', '2026-03-01T14:00:04.900Z'), way('city', '2026-03-01T14:00:06Z'), way('bus', '')] }
    expect(unreceivedBy(delivery, now)).toEqual(['hq'])
    expect(unreceivedBy(delivery, now + 2000)).toEqual(['hq', 'city'])
  })

  it('is nothing where nothing is known', () => expect(unreceivedBy(undefined, now)).toEqual([]))
})
