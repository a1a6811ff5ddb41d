// Routing (分流): an incident goes to those whom it concerns; who has it, who
// answers, who must be called. In Debian's Chromium against the fixture.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { logIn } from '../fixture/browser.mjs'
import { accessible, fixture, page, visible } from '../fixture/desk.mjs'

const kind = (id) => fixture.routing.classes.flatMap((one) => one.kinds).find((one) => one.id === id)

describe('routing', () => {
  it('proposes the kind, gives every party its order, and shows each with its state', async () => {
    const incident = fixture.raise({ kind: 'road_damage', priority: 'P2', note: '路面塌陷约两米' })
    await logIn(page, fixture.url, { to: `/incidents/${incident.id}` })
    await visible(`[data-detail="${incident.id}"]`)
    await page.keyboard.press('p')
    await visible('dialog >> text=按接报内容建议')
    assert.equal(await page.locator('dialog select[name=kind]').inputValue(), 'road')
    await visible('dialog [data-partner=works] >> text=断线')
    await visible('dialog [data-partner=police] >> text=电话联系')
    await visible('dialog button >> text=分流给 2 家')
    await accessible('route dialog')
    await page.fill('dialog textarea[name=note]', '南口路面塌陷')
    await page.check('dialog input[name=close]')
    await page.keyboard.press('Control+Enter')
    await page.locator('dialog').waitFor({ state: 'detached' })
    const orders = fixture.room.tasks.filter((task) => task.incident === incident.id)
    assert.deepEqual(orders.map((task) => [task.to, task.note]), [['works', '南口路面塌陷'], ['police', '南口路面塌陷']])
    await visible('[data-parties] [data-way=waiting] >> text=/待送达/')
    await visible('[data-parties] [data-way=phone] >> text=请电话告知')
    assert.equal(fixture.room.incidents.find((one) => one.id === incident.id).result, 'transferred')
    assert.equal(await page.locator('[data-action=route]').getAttribute('aria-disabled'), 'true')
    await accessible('parties')
  })

  it('shows whom to call first, and writes down what they say', async () => {
    fixture.order(undefined, kind('street-light'), 'lights', { order: { waiting: [], delivered_at: new Date().toISOString() } })
    fixture.order(undefined, kind('road'), 'works', { order: { waiting: [], set_aside: '422 不在辖区' } })
    const late = fixture.order(undefined, kind('neighbours'), 'council', { at: Date.now() - 80 * 3600_000, overdue_at: new Date().toISOString() })
    await logIn(page, fixture.url, { to: '/duty/routing' })
    await visible('.tab.here >> text=分流')
    await visible('[data-orders=council] [data-state=issued] >> text=/超时/')
    assert.deepEqual(await page.locator('[data-partner]').evaluateAll((rows) => rows.map((row) => row.dataset.partner)), ['council', 'works', 'lights', 'police'])
    await accessible('routing')
    await page.click(`[data-order="${late.id}"] [data-action=reply]`)
    await page.click('dialog >> text=已办结')
    await page.fill('dialog textarea[name=words]', '双方已和解')
    await accessible('reply')
    await page.keyboard.press('Control+Enter')
    await visible('[data-order][data-state=reported] >> text=双方已和解')
    await visible('[data-partner=council] >> text=/已办结/')
    await page.click('[data-partner=works] button')
    await visible('[data-orders=works] [data-way=aside] >> text=/422 不在辖区/')
    await page.click('[role=radiogroup] >> text=分类')
    await visible('[data-class=municipal] [data-kind=road] >> text=/市政设施管护中心、交警大队/')
    await accessible('classes')
  })

  it('says what to do where nothing is configured, and lets the wall look only', async () => {
    const incident = fixture.raise({ kind: 'theft', priority: 'P2' })
    fixture.order(undefined, kind('neighbours'), 'council')
    await logIn(page, fixture.url, { user: 'wall', to: '/duty/routing' })
    await visible('[data-orders=council] [data-order]')
    assert.equal(await page.locator('[data-action=reply]').count(), 0)
    fixture.routing = { partners: [], classes: [] }
    await page.goto(`${fixture.url}/duty/routing`)
    await visible('text=没有配置联动单位')
    await logIn(page, fixture.url, { to: `/incidents/${incident.id}` })
    await visible(`[data-detail="${incident.id}"]`)
    await page.keyboard.press('p')
    await visible('dialog >> text=没有配置联动单位')
    assert.ok(await page.locator('dialog button[type=submit]').isDisabled())
  })
})
