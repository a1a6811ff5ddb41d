// Incidents that have to do with each other, in Debian's Chromium against the
// fixture.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { launch, logIn } from '../fixture/browser.mjs'
import { startFixture } from '../fixture/server.mjs'

const dist = fileURLToPath(new URL('../../.browser-dist', import.meta.url))
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let browser, fixture, context, page, errors

before(async () => { browser = await launch() })
after(() => browser?.close())
beforeEach(async () => {
  fixture = await startFixture({ dist })
  context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  page = await context.newPage()
  errors = []
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('console', (message) => message.text().includes('Content Security Policy') && errors.push(message.text()))
})
afterEach(async () => {
  await context.close()
  await fixture.close()
  assert.deepEqual(errors, [], 'errors in the page')
})

const visible = (selector) => page.locator(selector).first().waitFor({ timeout: 8000 })
async function accessible(name) {
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa'] }))
  assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target).join('; ')}`), [], `axe on ${name}`)
}

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
