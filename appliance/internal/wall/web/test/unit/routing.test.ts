import { describe, expect, it } from 'vitest'
import { byTrouble, lineOf, propose, wayOf } from '@/routing/routing'
import type { Partner, RouteClass, Task } from '@/shared/types'

const kind = (id: string, name: string, reports: string[] = []) => ({ id, name, reports, partners: ['a'], limit_ms: 1 })
const classes: RouteClass[] = [
  { id: '1', name: '市政', kinds: [kind('light', '路灯不亮', ['street_light']), kind('road', '路面塌陷')] },
  { id: '2', name: '纠纷', kinds: [kind('quarrel', '纠纷', ['dispute']), kind('wage', '劳资纠纷')] },
]

describe('the kind that is proposed', () => {
  it.each([
    ['street_light', '', 'light'], ['dispute', '', 'quarrel'], ['road', '', 'road'], ['路面塌陷', '', 'road'], ['other', '南口路面塌陷约两米', 'road'],
    ['other', '工地劳资纠纷', 'wage'], ['theft', '电动车被盗', undefined],
  ])('%s %s: %s', (reported, words, want) => expect(propose(classes, reported, words)?.id).toBe(want))
})

const partner = (about: Partial<Partner>) => ({ id: 'p', kind: 'webhook', connected: true, overdue: 0, set_aside: 0, waiting: 0, reported: 0, open: 0, ...about }) as Partner

it('whom somebody must call stands first', () => {
  const list = [partner({ id: 'quiet' }), partner({ id: 'open', open: 2 }), partner({ id: 'down', connected: false, waiting: 1 }), partner({ id: 'late', overdue: 1 }), partner({ id: 'aside', set_aside: 1 }), partner({ id: 'sent', waiting: 1 })]
  expect(list.sort(byTrouble).map((one) => one.id)).toEqual(['late', 'aside', 'down', 'open', 'quiet', 'sent'])
  expect([partner({ kind: 'none' }), partner({}), partner({ connected: false })].map(lineOf)).toEqual(['phone', 'up', 'down'])
})

it('tells how far an order has come', () => {
  const order = (about: object) => ({ order: about }) as Task
  expect([order({}), order({ line: 'mqtt', set_aside: '422' }), order({ line: 'mqtt', delivered_at: '2026' }), order({ line: 'mqtt', delivered_at: '' })].map(wayOf)).toEqual(['phone', 'aside', 'delivered', 'waiting'])
})
