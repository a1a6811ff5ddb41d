// Cameras in full, blind intervals, holds, the table of cameras, and who may
// do what: in Debian's Chromium against the fixture.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { launch, logIn, startCameras } from '../fixture/browser.mjs'
import { startFixture } from '../fixture/server.mjs'
import { stamp } from '../fixture/station.mjs'

const dist = process.env.WALL_DIST || fileURLToPath(new URL('../../.browser-dist', import.meta.url))
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let browser, cameras, fixture, context, page, errors

before(async () => {
  browser = await launch()
  cameras = await startCameras(browser)
})
after(() => browser?.close())
beforeEach(async () => {
  fixture = await startFixture({ dist, whep: cameras.answer })
  await fresh()
})
afterEach(async () => {
  await context.close()
  await fixture.close()
  assert.deepEqual(errors, [], 'errors in the page')
})

async function fresh() {
  await context?.close()
  context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  page = await context.newPage()
  errors = []
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('console', (message) => message.text().includes('Content Security Policy') && errors.push(message.text()))
}
const visible = (selector) => page.locator(selector).first().waitFor()
const count = (selector) => page.locator(selector).count()
async function accessible(name) {
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa'] }))
  assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target).join('; ')}`), [], `axe on ${name}`)
}

describe('a camera', () => {
  it('is small by its sub stream, and in full by its main one, with its clock', async () => {
    fixture.room.warnings = [{ code: 'camera_sub_lost', title: 'x', text: 'dial tcp: connection refused', params: { why: 'dial tcp: connection refused' }, severity: 'info', subject: 'gate-east', since: stamp(Date.now()) }]
    await logIn(page, fixture.url, { to: '/cameras' })
    await visible('[data-camera=gate-east][data-stream=sub][data-phase=live]')
    await visible('[data-camera=market][data-stream=main][data-phase=live]')
    await accessible('cameras')
    assert.ok(fixture.opened.includes('gate-east sub') && fixture.opened.includes('market main'), fixture.opened.join())
    await page.click('a[aria-label="东门 详情"]')
    await visible('[data-camera=gate-east][data-stream=main][data-phase=live]')
    await visible('[data-offset] >> text=慢 2.31 秒')
    await visible('[data-uncertainty] >> text=± 18 毫秒')
    await visible('[data-drift] >> text=慢 21.4 ppm（每天约 1.8 秒）')
    await visible('.warnings .text >> text=拒绝连接')
    await visible('[data-blinds] >> text=盲区')
    await accessible('camera')
  })

  it('that is masked says so', async () => {
    fixture.room.cameras[0].live.rendition = 'stills'
    await logIn(page, fixture.url, { to: '/cameras' })
    await visible('[data-camera=gate-east] [data-rendition=stills] >> text=已遮蔽，每秒 1 帧')
  })
})

describe('blind intervals', () => {
  it('are listed by day, open ones first', async () => {
    await logIn(page, fixture.url, { to: '/blind' })
    await page.locator('button[aria-label=前一天]').click()
    await visible('[data-blinds] tr >> text=摄像头无画面')
    assert.equal(await count('[data-blinds] tr >> text=按配置'), 0)
    await page.check('input[type=checkbox]')
    await visible('[data-blinds] tr >> text=按配置')
    await page.selectOption('select[aria-label=摄像头]', 'gate-east')
    await page.waitForFunction(() => document.querySelectorAll('[data-blinds] tbody tr').length === 3)
    await accessible('blind')
    await page.locator('[data-blinds] tbody tr a').nth(1).click()
    await page.waitForURL(/playback\?cameras=gate-east&at=/)
  })
})

describe('holds', () => {
  it('are placed by one lead and released by two', async () => {
    const made = fixture.raise({ state: 'acknowledged', place: { name: '农贸市场' } })
    await logIn(page, fixture.url, { user: 'li', to: `/incidents/${made.id}` })
    await page.click('[data-action=hold]')
    await page.fill('dialog textarea', '检察院要求保全')
    await page.keyboard.press('Control+Enter')
    await visible('a >> text=已保全')
    await page.click('a >> text=已保全')
    await visible('[data-hold=H1] >> text=农贸市场')
    await page.click('[data-action=place]')
    await accessible('hold dialog')
    await page.check('input[name=what][value=device]')
    await page.selectOption('select[name=device]', 'gate-east')
    await page.fill('input[name=from]', '2026-11-22T08:00')
    await page.fill('input[name=to]', '2026-11-22T08:10')
    await page.fill('dialog textarea', '纠纷取证')
    await page.click('dialog button[type=submit]')
    await visible('[data-hold=H2] >> text=/1 段，共 10 分/')
    assert.equal(fixture.holds[1].from ?? fixture.holds[1].spans[0].from, '2026-11-22T00:00:00.000Z')
    await page.click('[data-hold=H1] button')
    await page.fill('dialog textarea', '已结案')
    await page.keyboard.press('Control+Enter')
    await visible('tr >> text=解除证据保全')
    assert.equal(await count('button >> text=批准'), 0, 'not by who asked')
    await accessible('holds')
    await fresh()
    await logIn(page, fixture.url, { user: 'sun', to: '/holds' })
    await page.click('button >> text=批准')
    await page.locator('[data-hold=H1]').waitFor({ state: 'detached' })
    await visible('[data-hold=H2]')
  })
})

describe('the table of cameras', () => {
  it('is exported and imported by an administrator', async () => {
    await logIn(page, fixture.url, { user: 'zhao', to: '/cameras' })
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('a >> text=导出表格')])
    assert.match(download.url(), /cameras\.csv$/)
    const table = (text) => ({ name: 'cameras.csv', mimeType: 'text/csv', buffer: Buffer.from(text) })
    await page.setInputFiles('input[type=file]', table('id,main\ngate east,rtsp'))
    await visible('dialog >> text=请改正以下 2 处')
    await visible('dialog >> text=第 2 行 id 列')
    await accessible('wrong table')
    await page.keyboard.press('Escape')
    await page.setInputFiles('input[type=file]', table('id,name\nyard,后院'))
    await visible('[role=status] >> text=已导入 1 路')
    assert.deepEqual(fixture.sheets, ['id,name\nyard,后院'])
  })
})

describe('a list that cannot be read', () => {
  it('is not shown as empty, and is asked for again', async () => {
    await logIn(page, fixture.url, { user: 'zhao', to: '/tasks' })
    const refused = (route) => route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify({ code: 'journal_unavailable', title: 'x', status: 503, detail: 'x' }) })
    await page.route(/\/api\/v1\/(users|tokens)/, refused)
    await page.goto(`${fixture.url}/people`)
    await page.locator('[role=alert]').nth(1).waitFor()
    assert.equal(await page.locator('text=没有令牌').count(), 0)
    assert.equal(await page.locator('main table').count(), 0)
    await accessible('lists that cannot be read')
    await page.unroute(/\/api\/v1\/(users|tokens)/, refused)
    for (let left = 2; left > 0; left--) {
      await page.locator('[role=alert] button').first().click()
      await page.waitForFunction((n) => document.querySelectorAll('[role=alert]').length < n, left)
    }
    await visible('text=没有令牌')
  })
})

describe('each role', () => {
  const may = {
    wall: { nav: 8, sheet: [0, 0], incident: [0, 0], act: false },
    chen: { nav: 9, sheet: [0, 0], incident: [0, 0], act: true },
    li: { nav: 11, sheet: [1, 0], incident: [1, 1], act: true },
    zhao: { nav: 12, sheet: [1, 1], incident: [1, 1], act: true },
  }
  for (const [user, wanted] of Object.entries(may)) {
    it(`${user} sees what the role may do, and no more`, async () => {
      fixture.whep = undefined // no pictures: pages are looked at here, and decoding costs
      const made = fixture.raise({ priority: 'P1', kind: 'intrusion' })
      await logIn(page, fixture.url, { user, to: '/cameras' })
      await visible('.page .head')
      assert.equal(await count('nav a'), wanted.nav)
      assert.deepEqual([await count('a[download]'), await count('input[type=file]')], wanted.sheet)
      await page.goto(`${fixture.url}/incidents/${made.id}`)
      await visible('[data-detail]')
      assert.deepEqual([await count('[data-action=hold]'), await count('[data-action=evidence]')], wanted.incident)
      assert.equal(await page.locator('[data-action=claim]').count() > 0 && await page.locator('[data-action=claim]').first().isEnabled(), wanted.act)
      const refused = []
      page.on('response', (r) => [401, 403].includes(r.status()) && refused.push(r.url()))
      for (const path of ['/', '/tasks', '/cameras', '/cameras/gate-east', '/playback', '/map', '/duty/forces', '/duty/routing', '/duty/patrol', '/duty/drills', '/duty/handover', '/review', '/devices', '/blind', '/holds', '/audit', '/people', '/review', '/review/people']) {
        await page.goto(fixture.url + path)
        await visible('main .page, main .notice, main .layout, main .review, main section, main article')
      }
      assert.deepEqual(refused, [], 'no page asks for what the role may not')
      await page.goto(`${fixture.url}/holds`)
      await visible(wanted.incident[0] ? '[data-action=place]' : 'text=只有值班领导可以办理证据保全')
    })
  }
})
