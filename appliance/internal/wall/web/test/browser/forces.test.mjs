// Forces (力量): who is on duty, where, busy with what; in Debian's Chromium
// against the fixture.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { logIn } from '../fixture/browser.mjs'
import { accessible, fixture, page, visible } from '../fixture/desk.mjs'

describe('forces', () => {
  it('say who is on duty, by what, and how old a position is', async () => {
    fixture.issue({ to: 't1', note: '到步行街南口核查' })
    await logIn(page, fixture.url, { to: '/duty' })
    await visible('.tab.here >> text=力量')
    await visible('[data-shift=day][data-on=true] >> text=/在班，至/')
    const first = '[data-unit="team/t1"]'
    await visible(`${first}[data-duty=on] >> text=白班`)
    await visible(`${first} >> text=王磊（离岗）`)
    await visible(`${first} a.order`)
    await visible(`${first} [data-stale=false] >> text=/秒前/`)
    await visible('[data-unit="team/t2"] [data-stale=true] >> text=/前，位置已旧/')
    await visible('[data-unit="team/t2"] >> text=空闲')
    await visible('[data-unit="person/wang"][data-duty=off] >> text=li 指定：参加培训')
    assert.equal(await page.locator('[data-action=track]').count(), 0, 'tracks are for leads')
    await accessible('forces')
    for (let i = 0; i < 20; i++) fixture.issue({ to: 't1', note: `核查 ${i}` })
    fixture.tellForces(['team/t1'])
    await visible(`${first} >> text=另有 18 张`)
    assert.equal(await page.locator(`${first} a.order`).count(), 4, 'a unit with many orders is still a row')
  })

  it('are taken off duty and put back, by a word with a reason', async () => {
    await logIn(page, fixture.url, { to: '/duty/forces' })
    await page.click('[data-unit="team/t2"] [data-action=duty]')
    await page.fill('dialog textarea[name=reason]', '支援邻所')
    await page.click('dialog >> text=24 小时')
    await accessible('duty dialog')
    await page.keyboard.press('Control+Enter')
    await visible('[data-unit="team/t2"][data-duty=off] >> text=chen 指定：支援邻所')
    const word = fixture.forces.words.get('team/t2')
    assert.equal(word.on, false)
    assert.ok(Math.abs(Date.parse(word.until) - Date.now() - 24 * 3600_000) < 60_000, word.until)
    assert.equal(await page.locator('[data-unit="person/liu"] [data-stale]').count(), 0, 'off duty, nobody is shown where they are')
    await page.click('[data-unit="person/wang"] [data-action=duty]')
    await page.fill('dialog textarea[name=reason]', '培训结束')
    await page.keyboard.press('Control+Enter')
    await visible('[data-unit="person/wang"][data-duty=on]')
  })

  it('show a track to a lead who says why', async () => {
    await logIn(page, fixture.url, { user: 'li', to: '/duty/forces' })
    await page.click('[data-unit="person/zhang"] [data-action=track]')
    await page.fill('dialog textarea[name=reason]', '核查处警时间')
    await page.keyboard.press('Control+Enter')
    await visible('dialog figcaption >> text=/60 个位置/')
    await accessible('track')
    assert.deepEqual(fixture.forces.asked, [{ person: 'zhang', reason: '核查处警时间' }])
  })

  it('are on the map, an old position as old', async () => {
    await logIn(page, fixture.url, { to: '/map' })
    await visible('[data-mark="unit/team/t1"][data-state=online]')
    await visible('[data-mark="unit/team/t2"][data-state=stale] >> text=/前/')
  })

  it('may only be looked at by the wall', async () => {
    await logIn(page, fixture.url, { user: 'wall', to: '/duty/forces' })
    await visible('[data-unit="team/t1"]')
    assert.ok(await page.locator('[data-unit="team/t1"] [data-action=duty]').isDisabled())
  })
})
