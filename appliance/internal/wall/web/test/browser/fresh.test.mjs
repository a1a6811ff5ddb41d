// Patrol, drills and handover follow the stream: nothing is asked while nothing
// changes, and what stands there is told as old when it cannot be asked.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { logIn } from '../fixture/browser.mjs'
import { accessible, fixture, page, visible } from '../fixture/desk.mjs'

const asked = (path) => fixture.calls.filter((call) => call === `GET ${path}`).length
// quiet is once the page has been asking nothing for as long as it polled before.
const quiet = () => page.waitForTimeout(6000)

describe('a page of duty', () => {
  it('asks again when the stream says so, and not before', async () => {
    await logIn(page, fixture.url, { user: 'li', to: '/duty/drills' })
    await visible('[data-question=never_heard][data-bad=true]')
    await page.goto(`${fixture.url}/duty/patrol`)
    await visible('[data-plan=street]')
    const before = asked('/patrols')
    await quiet()
    assert.equal(asked('/patrols'), before, 'nothing has changed')
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
})
