// Patrol, drills, handover, forces and routing follow the stream: nothing is asked while nothing
// changes, and what stands there is told as old when it cannot be asked.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually, logIn } from '../fixture/browser.mjs'
import { accessible, context, fixture, page, visible } from '../fixture/desk.mjs'

const asked = (path) => fixture.calls.filter((call) => call === `GET ${path}`).length
// quiet is once the page has been asking nothing for as long as it polled before.
const quiet = () => page.waitForTimeout(6000)
// shownBy tells until it is shown: the line of a page may not stand yet.
const shownBy = (selector, tell) => eventually(selector, () => (tell(), page.locator(selector).count()))

describe('a page of duty', () => {
  it('asks again when the stream says so, and not before', async () => {
    await logIn(page, fixture.url, { user: 'li', to: '/duty/drills' })
    await visible('[data-question=never_heard][data-bad=true]')
    await page.goto(`${fixture.url}/duty/patrol`)
    await visible('[data-plan=street]')
    const others = await Promise.all(['forces', 'routing'].map(async (name) => {
      const other = await context.newPage()
      await other.goto(`${fixture.url}/duty/${name}`)
      await other.locator(name === 'forces' ? '[data-unit="team/t1"]' : '[data-partner=works]').waitFor()
      return other
    }))
    const paths = ['/patrols', '/forces', '/routing']
    const before = asked('/patrols')
    const calls = paths.map(asked)
    await eventually('every page hears', () => fixture.streams.size === 3)
    await quiet()
    assert.deepEqual(paths.map(asked), calls, 'nothing has changed')
    await Promise.all(others.map((one) => one.close()))
    for (let i = 0; i < 20; i++) fixture.send('patrol', { ...fixture.patrols[0], touched: 20 + i }, `01JEPOCH.${++fixture.place}`)
    Object.assign(fixture.patrols[0], { round: { id: 'R9', plan: 'street', due: '', limit: '', state: 'begun', by: 'wang', begun_at: new Date().toISOString(), ended_at: '', dwell_ms: 1000, cameras: [], findings: 0 } })
    await visible('[data-plan=street][data-standing=walked] >> text=wang')
    assert.ok(asked('/patrols') - before <= 3, `20 changes are ${asked('/patrols') - before} questions`)
    await page.goto(`${fixture.url}/duty/handover`)
    await visible('[data-paper=preview]')
    fixture.raise({ kind: 'dispute', priority: 'P2', state: 'open', place: { name: '建设路 77 号' } })
    await visible('[data-paper=preview] >> text=建设路 77 号')
    await page.evaluate(() => fetch('/api/v1/handover', { method: 'POST', body: JSON.stringify({ note: '另一席位' }) }))
    await visible('text=等待接班')
  })

  it('goes on asking while the line is down, and says how old it is', async () => {
    await logIn(page, fixture.url, { user: 'li', to: '/duty/patrol' })
    await visible('[data-plan=street]')
    fixture.cutLine(true)
    await visible('[data-stale] >> text=未能刷新')
    await visible('[data-stale] .muted') // asked again, and not answered
    await visible('[data-plan=street]')
    await accessible('stale page')
    const before = asked('/patrols')
    await page.route('**/api/v1/events*', (route) => route.abort()) // the line stays down, the box answers
    fixture.cutLine(false)
    await page.waitForFunction(() => !document.querySelector('[data-stale] .muted'), undefined, { timeout: 30_000 })
    assert.ok(asked('/patrols') > before)
    await page.unroute('**/api/v1/events*')
    await page.locator('[data-stale]').waitFor({ state: 'detached', timeout: 30_000 })
  })

  it('shows at once who comes on duty, where people are, and whose line is cut', async () => {
    await logIn(page, fixture.url, { to: '/duty/forces' })
    const liu = '[data-unit="person/liu"]'
    await visible(`${liu} [data-stale=true]`)
    await shownBy(`${liu} [data-stale=false] >> text=/秒前/`, () => fixture.moves('liu'))
    await visible('[data-unit="team/t2"] [data-stale=false]')
    const before = asked('/forces')
    for (let i = 0; i < 20; i++) fixture.moves('liu')
    await quiet()
    assert.equal(asked('/forces'), before, 'where people are is told, not asked for')
    fixture.forces.words.set('team/t2', { on: false, until: '', by: 'li', reason: '支援邻所' })
    fixture.tellForces(['team/t2', 'person/liu'])
    await visible('[data-unit="team/t2"][data-duty=off] >> text=支援邻所')
    assert.equal(await page.locator(`${liu} [data-stale]`).count(), 0, 'off duty, nobody is shown where they are')
    await page.goto(`${fixture.url}/duty/routing`)
    await visible('[data-partner=lights][data-line=up]')
    await shownBy('[data-partner=lights][data-line=down]', () => fixture.lineTurns('lights', false, 'connection refused'))
    fixture.order(undefined, fixture.routing.classes[0].kinds[0], 'lights')
    await visible('[data-partner=lights] td.n >> text="1"')
    fixture.cutLine(true)
    await visible('[data-stale] >> text=未能刷新')
  })
})
