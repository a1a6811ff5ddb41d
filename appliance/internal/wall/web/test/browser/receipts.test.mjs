// How far events have come, what headquarters refused, and evidence: in
// Debian's Chromium against the fixture.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { logIn } from '../fixture/browser.mjs'
import { accessible, fixture, page, visible } from '../fixture/desk.mjs'
import { stamp } from '../fixture/station.mjs'

describe('receipts', () => {
  it('stand beside each step and follow by themselves', async () => {
    const made = fixture.raise({ at: Date.now() - 20_000 })
    const event = made.history[1].event
    fixture.way(made, event, 'sent')
    await logIn(page, fixture.url, { to: `/incidents/${made.id}` })
    await visible('.ways [data-mark=sent] >> text=已发')
    await visible('.row .unreceived >> text=上级未收到')
    fixture.way(made, event, 'received', { received: stamp(Date.now()) })
    await visible('.ways [data-mark=received] >> text=上级已收到')
    await page.locator('.row .unreceived').waitFor({ state: 'detached' })
    fixture.way(made, event, 'rejected', { judged: stamp(Date.now()), by: '周科长', reason: '不属本辖区' })
    await visible('.ways [data-mark=rejected] >> text=/周科长.*不属本辖区/')
    await accessible('incident with receipts')
    assert.equal(await page.locator('[data-action=evidence]').count(), 0, 'leads only')
  })

  it('that miss are signed on the wall', async () => {
    const made = fixture.raise({ at: Date.now() - 20_000, state: 'acknowledged' })
    fixture.way(made, made.history[1].event, 'stored')
    await page.setViewportSize({ width: 1920, height: 1080 })
    await logIn(page, fixture.url, { user: 'wall', to: '/wall' })
    await visible('.wall-list .unreceived >> text=上级未收到')
  })
})

describe('what headquarters refused', () => {
  it('is sent again by a lead, with a reason', async () => {
    fixture.setAside([{ uplink: 'hq', id: 'e1', at: stamp(Date.now()), reason: 'unknown address code', epoch: '', lane: 'alarm', sequence: '', type: 'watchpost.alert.raised', subject: '' }])
    await logIn(page, fixture.url, { user: 'li', to: '/devices' })
    await visible('[data-aside=e1] >> text=unknown address code')
    await accessible('devices')
    fixture.refuses = true
    await page.click('[data-aside=e1] button')
    await page.fill('dialog textarea', '地址码已更正')
    await page.keyboard.press('Control+Enter')
    await visible('dialog >> text=上级没有回执')
    await accessible('reason')
    fixture.refuses = false
    await page.keyboard.press('Control+Enter')
    await page.locator('[data-aside=e1]').waitFor({ state: 'detached' })
    assert.deepEqual(fixture.resent, [{ id: 'e1', reason: '地址码已更正' }])
  })

  it('is only seen by others', async () => {
    fixture.setAside([{ uplink: 'hq', id: 'e1', at: stamp(Date.now()), reason: '400', epoch: '', lane: 'alarm', sequence: '', type: 'watchpost.alert.raised', subject: '' }])
    await logIn(page, fixture.url, { to: '/devices' })
    await visible('text=重发须值班领导权限')
    assert.equal(await page.locator('[data-aside=e1] button').count(), 0)
  })
})

describe('evidence', () => {
  it('is taken away with a reason', async () => {
    const made = fixture.raise({ state: 'acknowledged' })
    await logIn(page, fixture.url, { user: 'li', to: `/incidents/${made.id}` })
    await page.click('[data-action=evidence]')
    await page.fill('dialog textarea', '检察院调取')
    const [download] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('Control+Enter')])
    assert.match(download.url(), /evidence\.zip\?reason=%E6%A3%80/)
    await page.locator('dialog').waitFor({ state: 'detached' })
  })
})
