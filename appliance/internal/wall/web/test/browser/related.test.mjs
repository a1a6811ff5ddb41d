// Incidents that have to do with each other, in Debian's Chromium against the
// fixture.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { logIn } from '../fixture/browser.mjs'
import { accessible, fixture, page, visible } from '../fixture/desk.mjs'

describe('related incidents', () => {
  it('are named, and made one with a reason', async () => {
    await logIn(page, fixture.url)
    await visible('text=当前没有未结警情')
    const first = fixture.raise({ kind: 'alarm', priority: 'P1' })
    const second = fixture.raise({ kind: 'intrusion', priority: 'P1' })
    fixture.change(first, { type: 'incident.linked', by: 'box' }, { linked: [second.id], unshown: true })
    await visible(`[data-incident="${first.id}"] >> text=无屏幕显示`)
    await page.goto(`${fixture.url}/incidents/${first.id}`)
    await visible(`[data-related="${second.id}"]`)
    await accessible('related incidents')
    await page.click(`[data-related="${second.id}"] [data-action="merge"]`)
    await page.fill('.related input[required]', '同一伙人')
    await page.click('.related button[type="submit"]')
    await visible(`[data-related="${second.id}"] >> text=已结`)
    await visible('[data-action="split"]')
    await page.click('[data-action="split"]')
    assert.equal(await page.locator('.related input[type="checkbox"]').count(), 2)
    assert.ok(await page.locator('.related button[type="submit"]').isDisabled(), 'not without a choice and a reason')
    await page.goto(`${fixture.url}/incidents/${second.id}`)
    await visible('.related >> text=已并入')
  })
})
