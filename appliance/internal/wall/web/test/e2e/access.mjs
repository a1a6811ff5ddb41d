// A browser that trusts the box's own CA, for the end-to-end test of who may
// what. It makes the first administrator with the set-up link, walks every
// page, makes a user and a kiosk's token, locks the desk and unlocks it.
//
//   HOME=… node access.mjs BASE_URL SETUP_URL CAMERA [SCREENSHOTS]
//
// The CA is in HOME's NSS database; nothing is ignored. One JSON line tells
// what was seen: {"security", "cookies", "violations", "errors", "pages",
// "locked", "unlocked", "kiosk", "fps"}.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { launch } from '../fixture/browser.mjs'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

const [base, setup, camera, shots] = process.argv.slice(2)
const url = base.replace(/\/$/, '')
const browser = await launch()
const seen = { security: [], violations: [], errors: [], pages: [], axe: [] }
const name = 'chief'
const password = 'e2e-password-1'

async function open(context) {
  const page = await context.newPage()
  // What the browser says about the connection: anything but "secure" is a warning.
  const cdp = await context.newCDPSession(page)
  // An empty page, between two, is neutral.
  cdp.on('Security.visibleSecurityStateChanged', ({ visibleSecurityState: s }) => {
    if (s.securityState !== 'neutral') seen.security.push(s.securityState)
  })
  await cdp.send('Security.enable')
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) => console.error(`CSP ${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`))
  })
  page.on('console', (m) => {
    if (/CSP |Content Security Policy/.test(m.text())) seen.violations.push(`${page.url()}: ${m.text()}`)
  })
  page.on('pageerror', (e) => seen.errors.push(`${page.url()}: ${e.message}`))
  return page
}
// evaluate is not bound by the page's policy, so axe runs under it too.
async function accessible(page, name) {
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa'] }))
  seen.axe.push(...violations.map((v) => `${name}: ${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join('; ')}`))
}
const shot = async (page, file) => shots && page.screenshot({ path: `${shots}/${file}.png` })

const patienceMs = 170_000
const context = await browser.newContext({ viewport: { width: 1600, height: 900 }, locale: 'zh-CN' })
context.setDefaultTimeout(patienceMs)
const page = await open(context)
await page.goto(setup)
await accessible(page, 'setup')
await shot(page, 'setup')
await page.locator('input[autocomplete=username]').fill(name)
for (const input of await page.locator('input[type=password]').all()) await input.fill(password)
await page.locator('button[type=submit]').click()
await page.waitForURL('**/people')
await page.locator('table').first().waitFor()

// A user who may see one camera only.
await page.locator('section', { hasText: '用户' }).locator('header button').first().click()
await page.locator('dialog input[autocomplete=off]').fill('李雷')
await page.locator('dialog input[type=password]').fill(password)
await page.locator('dialog input[type=radio]').nth(1).check()
await page.locator(`dialog input[type=checkbox][value="${camera}"]`).check()
await accessible(page, 'user')
await shot(page, 'user')
await page.locator('dialog button[type=submit]').click()
await page.locator('td', { hasText: '李雷' }).waitFor()

// A kiosk's token; its link opens the wall in another browser, without a word.
await page.locator('section', { hasText: '令牌' }).locator('header button').last().click()
await page.locator('dialog input[autocomplete=off]').fill('lobby')
await page.locator('dialog button[type=submit]').click()
const secret = await page.locator('[data-secret]').inputValue()
await accessible(page, 'token')
await shot(page, 'token')
await page.locator('dialog button.primary').click()
await accessible(page, 'people')
await shot(page, 'people')
const screen = await browser.newContext({ viewport: { width: 1920, height: 1080 }, locale: 'zh-CN' })
screen.setDefaultTimeout(patienceMs)
const wall = await open(screen)
await wall.goto(`${url}/login?to=/wall#token=${secret}`)
await wall.waitForURL('**/wall')
await wall.locator('.tiles').waitFor()
seen.kiosk = { url: wall.url(), cookies: (await screen.cookies()).map(({ name, secure, httpOnly, sameSite }) => ({ name, secure, httpOnly, sameSite })) }
await shot(wall, 'kiosk')

for (const path of ['/', '/tasks', '/cameras', '/map', '/devices', '/audit', '/people', '/wall', '/login', '/setup']) {
  await page.goto(url + path)
  await page.locator('main').first().waitFor()
  await page.waitForTimeout(400) // for what loads late: map, tiles
  seen.pages.push(path)
  if (path === '/audit') await accessible(page, 'audit')
  await shot(page, `page${path.replaceAll('/', '-')}`)
}
seen.cookies = (await context.cookies()).map(({ name, secure, httpOnly, sameSite }) => ({ name, secure, httpOnly, sameSite }))

// Live video over the box's TLS.
await page.goto(`${url}/cameras`)
await page.waitForFunction((id) => document.querySelector(`[data-camera="${id}"]`)?.dataset.phase === 'live', camera)
seen.live = true

// One lead alone asks, and may only take it back.
await page.waitForFunction(async () => (await (await fetch('/api/v1/incidents')).json()).items.length > 0, undefined, { polling: 500 })
await page.goto(`${url}/audit`)
await page.locator('header button', { hasText: '依法删除' }).click()
await page.locator('dialog input[type=number]').fill('1')
await page.locator('dialog textarea').fill('法院裁定 7 号')
await accessible(page, 'erase')
await shot(page, 'erase')
await page.locator('dialog button[type=submit]').click()
const request = page.locator('tr', { hasText: 'alarm/1' }).first()
await request.locator('button').waitFor()
await shot(page, 'approval')
seen.alone = await request.locator('button').allInnerTexts()
await request.locator('button').click()
await page.locator('section', { hasText: '等待第二人批准' }).waitFor({ state: 'detached' })

await page.goto(`${url}/`)
await page.locator('nav button', { hasText: '锁屏' }).click()
await page.locator('dialog.lock').waitFor()
await accessible(page, 'locked')
await shot(page, 'locked')
seen.locked = await page.evaluate(async () => (await fetch('/api/v1/incidents', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"source":"walk_in","kind":"theft","place":"x"}' })).status)
await page.reload()
await page.locator('dialog.lock').waitFor() // it stays locked
await page.locator('dialog.lock input[type=password]').fill(password)
await page.locator('dialog.lock button[type=submit]').click()
await page.locator('dialog.lock').waitFor({ state: 'detached' })
seen.unlocked = true

if (shots) {
  await page.locator('nav button', { hasText: 'English' }).click()
  for (const path of ['/people', '/audit']) {
    await page.goto(url + path)
    await page.locator('table').first().waitFor()
    await shot(page, `en${path.replaceAll('/', '-')}`)
  }
}

// Nobody touches the desk for 16 minutes.
await page.clock.install()
await page.goto(`${url}/`)
await page.locator('nav').waitFor()
await page.clock.fastForward(16 * 60_000)
await page.locator('dialog.lock').waitFor()
seen.idle = true

process.stdout.write(`${JSON.stringify(seen)}\n`)
await browser.close()
