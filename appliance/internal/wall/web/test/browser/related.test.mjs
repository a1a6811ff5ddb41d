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
    await page.click(`[data-related="${second.id}"] [data-merge]`)
    await visible(`[data-other="${second.id}"] :checked`)
    await accessible('merging')
    await page.fill('dialog input[name=reason]', '同一伙人')
    await page.keyboard.press('Control+Enter')
    await visible(`[data-related="${second.id}"] >> text=已结`)
    await page.keyboard.press('s')
    await page.locator('dialog input[type=checkbox]').first().waitFor()
    assert.equal(await page.locator('dialog input[type=checkbox]').count(), 2)
    await accessible('splitting')
    assert.ok(await page.locator('dialog button[type=submit]').isDisabled(), 'not without a choice and a reason')
    await page.check('dialog input[type=checkbox] >> nth=1')
    await page.fill('dialog input[name=reason]', '另有其事')
    await page.keyboard.press('Control+Enter')
    await page.locator('dialog').waitFor({ state: 'detached' })
    await visible('.why:has-text("另有其事"), .history >> text=另有其事')
    await page.goto(`${fixture.url}/incidents/${second.id}`)
    await visible('.related >> text=已并入')
  })
})
