// Video patrol (网上巡逻) and drills (演练), in Debian's Chromium against the
// fixture.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually, logIn, startCameras } from '../fixture/browser.mjs'
import { accessible, browser, fixture, page, visible } from '../fixture/desk.mjs'

const round = () => fixture.patrols[0].round
const signed = (camera) => round().cameras.find((c) => c.camera === camera)

describe('a patrol', () => {
  it('is walked by keys, camera by camera, and signed off', async () => {
    fixture.whep = (await startCameras(browser)).answer
    await logIn(page, fixture.url, { to: '/duty/patrol' })
    await visible('[data-plan=street][data-standing=due] >> text=到点')
    await visible('[data-plan=night] >> text=到点无人开始')
    await accessible('patrols')
    await page.click('[data-plan=street] [data-action=begin]')
    await visible('[data-camera=gate-east]')
    await visible('[role=timer][data-playing=true]')
    await page.keyboard.press(' ')
    await eventually('it goes on after the dwell', () => signed('gate-east').at)
    assert.equal(signed('gate-east').seen, true)
    await visible('.tile[data-camera=street-south]')
    await visible('[role=timer][data-playing=true]')
    await accessible('walk')

    await page.keyboard.press('f')
    await page.fill('dialog input[name=kind]', '打架斗殴')
    await page.fill('dialog input[name=note]', '两人推搡')
    await accessible('finding')
    await page.keyboard.press('Enter')
    await page.locator('dialog').waitFor({ state: 'detached' })
    await visible('.bar >> text=已报警情')
    assert.equal(fixture.room.incidents.at(-1).kind, 'fight')
    await page.keyboard.press('n')
    await visible('.tile[data-camera=market]')

    fixture.cameraLive('market', false, 'timeout')
    await visible('[role=timer][data-playing=false] >> text=没有画面')
    assert.ok(await page.locator('[data-action=see]').isDisabled(), 'nobody has seen it')
    await page.keyboard.press(' ')
    await page.keyboard.press('n')
    await visible('[data-sign-off]')
    assert.deepEqual([signed('market').seen, signed('market').why], [false, 'unseen'])
    await accessible('signing off')
    await page.fill('[data-sign-off] input[name=note]', '一处无画面')
    await page.keyboard.press('Enter')
    await visible('[data-plan=street][data-standing=waits] >> text=已完成')
    assert.equal(fixture.patrols[0].last[0].note, '一处无画面')
    await visible('[data-plan=street] >> text=发现 1 处')
  })

  it('belongs to one: the other sees who, a lead takes over with a reason', async () => {
    await logIn(page, fixture.url, { to: '/duty/patrol' })
    await visible('[data-plan=street]')
    Object.assign(fixture.patrols[0], { touched: 9, round: { id: 'R9', plan: 'street', due: '', limit: '', state: 'begun', by: 'wang', begun_at: new Date().toISOString(), ended_at: '', dwell_ms: 1000, cameras: [{ camera: 'market', at: '', seen: false, looked_ms: 0 }], findings: 0 } })
    await page.click('[data-plan=street] [data-action=begin]')
    await visible('[role=alert] >> text=/已由他人巡逻.*wang/')
    await visible('[data-plan=street][data-standing=walked] >> text=wang')
    await logIn(page, fixture.url, { user: 'li', to: '/duty/patrol' })
    await page.click('[data-action=over]')
    await page.fill('dialog textarea', '换班')
    await page.keyboard.press('Control+Enter')
    await visible('[data-round=R9]')
    await page.click('[data-action=give_up]')
    await page.fill('dialog textarea', '有警情')
    await page.keyboard.press('Control+Enter')
    await visible('[data-plan=street] >> text=已放弃')
  })

  it('is only seen by the wall, and says when there is none', async () => {
    await logIn(page, fixture.url, { user: 'wall', to: '/duty/patrol' })
    await visible('[data-plan=street]')
    assert.ok(await page.locator('[data-plan=street] [data-action=begin]').isDisabled())
    fixture.patrols = []
    fixture.send('patrol', {})
    await visible('text=没有配置巡逻计划')
  })
})

describe('drills', () => {
  it('answer the three questions', async () => {
    await logIn(page, fixture.url, { to: '/duty/drills' })
    await visible('[data-question=never_heard] >> text=1')
    await visible('[data-target="uplink:hq"] [data-mark="received/hq"][data-state=late] >> text=71.0 秒')
    await visible('[data-target="rule:gate-east/yard-night"] [data-mark=acknowledged][data-state=missing]')
    await visible('[data-target="pillar:P-001"] [data-mark=shown] >> text=212 毫秒')
    await accessible('drills')
    await page.click('[data-question=never_drilled]')
    assert.deepEqual(await page.locator('tr[data-target]').evaluateAll((rows) => rows.map((r) => r.dataset.target)), ['pillar:P-002'])
    assert.ok(await page.locator('[data-action=run]').isDisabled(), 'an operator does not begin one')
    await visible('text=只有值班领导可以发起演练')
  })

  it('are begun by a lead, and seen to their end in milliseconds', async () => {
    await logIn(page, fixture.url, { user: 'li', to: '/duty/drills' })
    await page.click('[data-target="pillar:P-002"] [data-action=run]')
    await visible('dialog >> text=报警柱灯光闪烁')
    await accessible('beginning a drill')
    await page.click('dialog button[type=submit]')
    await visible('[data-target="pillar:P-002"][data-standing=running] [data-mark=stored] >> text=12 毫秒')
    await visible('[data-target="pillar:P-002"] [data-mark=shown][data-state=waits]')
    await visible('.p0 >> text=演练')
    fixture.endDrill('pillar:P-002')
    await visible('[data-target="pillar:P-002"][data-standing=passed] [data-mark="received/hq"] >> text=88 毫秒')
    fixture.refuses = true
    await page.click('[data-target="uplink:hq"] [data-action=run]')
    await page.click('dialog button[type=submit]')
    await visible('dialog [role=alert]')
  })
})
