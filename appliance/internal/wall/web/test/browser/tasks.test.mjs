// Orders (任务单): from above, from the room, and their way; in Debian's
// Chromium against the fixture.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { logIn } from '../fixture/browser.mjs'
import { accessible, fixture, page, visible } from '../fixture/desk.mjs'

describe('an order', () => {
  it('from above comes by itself, and goes its way by keys', async () => {
    await logIn(page, fixture.url, { to: '/tasks' })
    await visible('text=没有任务单')
    const task = fixture.issue({ by: 'hq', uplink: 'hq', hq_id: 'T-2026-7', priority: 'P1', at: Date.now() - 700_000, limitMs: 600_000, supervised: 1 })
    await visible(`[data-task="${task.id}"] >> text=上级`)
    await visible(`[data-task="${task.id}"] >> text=/已超/`)
    await visible(`[data-task="${task.id}"] >> text=督导 ×1`)
    await page.keyboard.press('j')
    await visible('.above >> text=上级指令 hq T-2026-7')
    await accessible('order')
    await page.keyboard.press('a')
    await visible('[data-state=accepted]')
    await page.keyboard.press('v')
    await visible('[data-state=arrived]')
    await page.keyboard.press('b')
    await page.fill('dialog textarea', '已到场，无异常')
    await accessible('report of an order')
    await page.keyboard.press('Control+Enter')
    await visible('[data-state=reported]')
    await visible('.report >> text=已到场，无异常')
    assert.ok(await page.locator('[data-action=confirm]').isDisabled(), 'headquarters confirms')
    const reported = fixture.room.tasks[0]
    fixture.ways.set(reported.history.at(-1).event, { event: reported.history.at(-1).event, stored: '', uplinks: [{ uplink: 'hq', mark: 'accepted', sent: '', received: '', judged: '', by: '赵指挥' }] })
    fixture.changeTask(reported, { type: 'task.confirmed', by: '赵指挥' }, { state: 'confirmed', ended_at: new Date().toISOString() })
    await visible('.ways [data-mark=accepted] >> text=已签收')
    await visible('text=没有符合筛选的任务单')
  })

  it('is made from an incident, handed back with a reason, and refusals are said', async () => {
    const incident = fixture.raise({ kind: 'theft', priority: 'P1', state: 'acknowledged' })
    await logIn(page, fixture.url, { to: `/incidents/${incident.id}` })
    await visible(`[data-detail="${incident.id}"]`)
    await page.keyboard.press('t')
    await page.fill('dialog input[name=to]', '巡逻二组')
    await page.fill('dialog textarea[name=note]', '到东门蹲守')
    await accessible('new order')
    await page.keyboard.press('Control+Enter')
    await page.locator('dialog').waitFor({ state: 'detached' })
    const task = fixture.room.tasks[0]
    assert.deepEqual([task.to, task.note, task.incident, task.priority], ['巡逻二组', '到东门蹲守', incident.id, 'P1'])
    const left = Date.parse(task.limit) - Date.now()
    assert.ok(left > 29 * 60_000 && left <= 30 * 60_000, `limit in ${left} ms`)
    await page.click('nav >> text=任务单')
    await page.click(`[data-task="${task.id}"]`)
    await visible(`.facts a >> text=盗窃`)
    fixture.refuses = true
    await page.click('[data-action=accept]')
    await visible('[role=alert] >> text=/现为“待签收”/')
    fixture.refuses = false
    await page.keyboard.press('h')
    await page.fill('dialog textarea', '另有任务')
    await page.keyboard.press('Control+Enter')
    await visible('text=没有符合筛选的任务单')
    assert.equal(fixture.room.tasks[0].state, 'handed_back')
    assert.equal(fixture.room.tasks[0].history.at(-1).reason, '另有任务')
  })

  it('is only seen by the wall', async () => {
    const task = fixture.issue({})
    await logIn(page, fixture.url, { user: 'wall', to: '/tasks' })
    await visible(`[data-task="${task.id}"]`)
    await page.keyboard.press('j')
    await visible('text=/本账号只能查看/')
    for (const action of ['accept', 'cancel', 'issue']) assert.ok(await page.locator(`[data-action=${action}]`).isDisabled(), action)
  })
})
