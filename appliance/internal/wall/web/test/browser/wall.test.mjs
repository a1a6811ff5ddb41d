// The pages in Debian's Chromium against the fixture: real WebRTC, real
// server-sent events, the box's own content policy, axe on every page.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually, launch, logIn, startCameras } from '../fixture/browser.mjs'
import { startFixture } from '../fixture/server.mjs'
import { makeClip } from '../fixture/station.mjs'

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
  context = await browser.newContext({ viewport: { width: 1440, height: 900 }, bypassCSP: false })
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

// evaluate is not bound by the page's policy, so axe runs under it too.
async function accessible(name) {
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa'] }))
  const found = violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join('; ')}`)
  assert.deepEqual(found, [], `axe on ${name}`)
}
const visible = (selector) => page.locator(selector).first().waitFor()
const live = (camera) => page.waitForFunction((id) => document.querySelector(`[data-camera="${id}"]`)?.dataset.phase === 'live', camera)
// How strongly a tile's video and its last picture are seen.
const shades = (camera) => page.evaluate((id) => {
  const of = (what) => getComputedStyle(document.querySelector(`[data-camera="${id}"] ${what}`)).opacity
  return { video: of('video'), still: of('canvas') }
}, camera)

describe('login', () => {
  it('refuses a wrong password in words and lets the right one in', async () => {
    await page.goto(`${fixture.url}/`)
    await visible('input[name=name]')
    await accessible('login')
    await page.fill('input[name=name]', 'chen')
    await page.fill('input[name=password]', 'wrong')
    await page.click('button[type=submit]')
    await visible('text=登录被拒绝')
    await page.fill('input[name=password]', 'watch')
    await page.click('button[type=submit]')
    await visible('text=当前没有未结警情')
  })

  it('remembers the language', async () => {
    await page.goto(`${fixture.url}/login`)
    await page.click('text=English')
    await visible('text=Log in to the room')
    await page.reload()
    await visible('text=Log in to the room')
    assert.equal(await page.getAttribute('html', 'lang'), 'en')
  })
})

describe('incidents', () => {
  it('come by themselves, are drawn, said to be shown, and worked on by keys', async () => {
    await logIn(page, fixture.url)
    await visible('text=当前没有未结警情')
    const made = fixture.raise({ kind: 'intrusion', priority: 'P1', device: 'gate-east', zone: 'yard', rule: 'yard-night', cameras: ['gate-east'] })
    await visible(`[data-incident="${made.id}"]`)
    await eventually('shown', () => fixture.shown.length === 1)
    assert.equal(fixture.shown[0].alert, made.alerts[0])

    await page.keyboard.press('j')
    await visible(`[data-detail="${made.id}"]`)
    await live('gate-east')
    await visible('.zones polygon')
    await visible('.history li >> text=院内夜间有人')
    await page.keyboard.press('c')
    await visible('[data-state="acknowledged"]')
    await page.keyboard.press('n')
    await page.fill('dialog textarea', '已电话联系商户')
    await page.keyboard.press('Control+Enter')
    await visible('.history >> text=已电话联系商户')
    await accessible('incident')
    await page.keyboard.press('x')
    await page.keyboard.press('2')
    await page.keyboard.press('Enter')
    await visible('.facts >> text=误报')
    await page.keyboard.press('o')
    await visible('[data-state="acknowledged"] .nobody:has-text("无人接警")')
    await visible('[data-action=claim].primary')
  })

  it('are recorded from a call with three fields and one key', async () => {
    await logIn(page, fixture.url)
    await visible('.list')
    await page.keyboard.press('r')
    await page.keyboard.type('盗窃')
    await page.keyboard.press('Tab')
    await page.keyboard.type('步行街南口')
    await page.keyboard.press('Tab')
    await page.keyboard.type('电动车被盗')
    await accessible('report')
    await page.keyboard.press('Enter')
    await visible('h1 >> text=盗窃 · 步行街南口')
    assert.equal(fixture.room.incidents[0].kind, 'theft')
    assert.equal(fixture.room.incidents[0].place.id, 'bxj-south')
  })

  it('show part 1 of a clip at once and the whole one after', async () => {
    const made = fixture.raise({ kind: 'intrusion', priority: 'P1', cameras: ['market'] })
    await logIn(page, fixture.url, { to: `/incidents/${made.id}` })
    await visible('text=片段生成中')
    fixture.put('clip', makeClip(made, 'market', '1', 500))
    await page.waitForFunction(() => document.querySelector('.clip video')?.readyState >= 2)
    fixture.put('clip', makeClip(made, 'market', 'whole', 501))
    await visible('[data-clip$="/whole"]')
  })

  it('of one kind and place fold when they flood', async () => {
    for (let i = 0; i < 5; i++) fixture.raise({ kind: 'loitering', priority: 'P3' })
    await logIn(page, fixture.url)
    await visible('text=× 5')
    assert.equal(await page.locator('[data-incident]').count(), 1)
    await page.click('text=展开全部 5 起')
    await eventually('unfolded', async () => (await page.locator('[data-incident]').count()) === 5)
  })

  it('cannot be acted on by an account that may only look', async () => {
    const made = fixture.raise({ kind: 'intrusion', priority: 'P1' })
    await logIn(page, fixture.url, { user: 'wall', to: `/incidents/${made.id}` })
    await visible('text=本账号只能查看')
    assert.equal(await page.locator('[data-action]:not([disabled]):not([aria-disabled=true]):not([data-action=more])').count(), 0)
  })

  it('that do not exist say so', async () => {
    await logIn(page, fixture.url, { to: '/incidents/01JNOTHING' })
    await visible('text=没有这起警情')
    assert.equal(await page.locator('[data-action=report-again]').count(), 0, 'that is no incident at all')
  })

  it('that have left the room are gone on from in a new one', async () => {
    const old = '01JZZZZZZZZZZZZZZZZZZZZZZZ'
    await logIn(page, fixture.url, { to: `/incidents/${old}` })
    await page.click('[data-action=report-again]')
    await visible('[data-reopens]')
    await page.fill('dialog input[name=kind]', '盗窃')
    await page.fill('dialog input[name=place]', '河边')
    await accessible('reporting again')
    const sent = page.waitForRequest((request) => request.method() === 'POST' && request.url().endsWith('/incidents'))
    await page.keyboard.press('Enter')
    assert.equal((await sent).postDataJSON().reopens, old)
    await visible('[data-detail] >> text=盗窃')
  })
})

describe('live tiles', () => {
  it('decode pictures, say since when they are stale, and come back', async () => {
    await logIn(page, fixture.url, { to: '/cameras' })
    await live('market')
    const decoded = () => page.evaluate(async () => {
      for (const report of (await window.__tiles.market.getStats()).values()) if (report.type === 'inbound-rtp') return report.framesDecoded
    })
    const first = await decoded()
    await eventually('frames are decoded', async () => (await decoded()) - first >= 5)
    await accessible('cameras')

    fixture.cameraLive('market', false, 'timeout')
    await cameras.stop('market')
    await visible('[data-veil="market"]')
    assert.match(await page.textContent('[data-veil="market"]'), /^无画面 自 \d\d:\d\d:\d\d$/)
    assert.deepEqual(await shades('market'), { video: '0', still: '0.4' })
    fixture.cameraLive('market', true)
    await live('market')
  })

  it('that freeze are dimmed by the page\'s own clock, whatever the box says', async () => {
    await logIn(page, fixture.url, { to: '/cameras' })
    await live('market')
    await cameras.stop('market')
    await page.locator('[data-veil="market"]').waitFor()
    assert.deepEqual(await shades('market'), { video: '0', still: '0.4' })
  })

  it('say that there was no picture yet', async () => {
    fixture.cameraLive('gate-east', false)
    await logIn(page, fixture.url, { to: '/cameras' })
    await visible('[data-veil="gate-east"]')
    assert.match(await page.textContent('[data-veil="gate-east"]'), /无画面|尚无画面/)
  })
})

describe('the line to the box', () => {
  it('is shown as cut, with its age, and mends itself', async () => {
    await logIn(page, fixture.url, { to: '/devices' })
    await visible('[data-device="camera/market"]')
    await accessible('devices')
    fixture.cutLine(true)
    await visible('[data-line="cut"]')
    await visible('[data-device="camera/market"] [data-state="lost"]:has-text("未知")')
    assert.equal(await page.locator('[data-state="online"]').count(), 0)
    fixture.cutLine(false)
    await page.locator('[data-line="cut"]').waitFor({ state: 'detached' })
  })
})

describe('the wall', () => {
  beforeEach(() => page.setViewportSize({ width: 1920, height: 1080 }))

  it('asserts nothing when the box is not heard', async () => {
    await logIn(page, fixture.url, { to: '/wall' })
    await live('market')
    const press = fixture.raise({ kind: 'alarm', priority: 'P0', cameras: ['market'] })
    await visible('[data-live-word]:text-is("实时")')
    await visible('[data-camera="market"] .rec')
    fixture.cutLine(true)
    await visible('[data-as-of]:has-text("截至")')
    await page.waitForFunction(() => document.querySelectorAll('[data-dot="live"], .tile .rec, .tile .zone, .zones').length === 0)
    await visible('[data-live-word]:text-is("非实时")')
    assert.match(await page.textContent('[data-veil="market"]'), /^无画面 自 \d\d:\d\d:\d\d$/)
    assert.equal((await shades('market')).video, '0')
    assert.match(await page.textContent('[data-uplink=hq]'), /未知/)
    for (const tally of await page.locator('[data-tally]').allTextContents()) assert.match(tally, /未知$/)
    assert.equal(await page.getAttribute('[data-tally=camera]', 'class'), 'item lost hatched')
    const age = () => page.textContent(`.wall-list [data-incident="${press.id}"] .age`)
    const stopped = await age()
    await visible('[data-line=cut] >> text=/断线 ([4-9]|\\d\\d) 秒|断线 \\d+ 分/')
    assert.equal(await age(), stopped, 'its age stands still')
    await accessible('wall with the line cut')
    fixture.cutLine(false)
    await live('market')
    await visible('[data-live-word]:text-is("实时")')
    await page.locator('[data-as-of]').waitFor({ state: 'detached' })
  })

  it('fills with a P0, and one key answers it', async () => {
    await logIn(page, fixture.url, { to: '/wall' })
    await visible('.wall-list')
    await visible('.maplibregl-canvas, .plot')
    await accessible('wall')
    const press = fixture.raise({ kind: 'alarm', priority: 'P0' })
    await visible(`article[data-p0="${press.id}"]`)
    fixture.put('clip', makeClip(press, 'street-south', '1', 500))
    await page.waitForFunction(() => document.querySelector('.clip video')?.currentTime > 0)
    await visible('text=无人接警')
    await live('street-south')
    await page.keyboard.press('Enter')
    await visible('text=/chen 已接警/')
    await eventually('claimed', () => fixture.calls.includes(`POST /incidents/${press.id}/claim`))
  })

  it('neither scrolls nor shows small print', async () => {
    for (let i = 0; i < 30; i++) fixture.raise({ kind: 'theft', priority: 'P2', place: { name: `建设路 ${i} 号` } })
    await logIn(page, fixture.url, { to: '/wall' })
    await visible('text=/另有 \\d+ 起/')
    const { tall, least } = await page.evaluate(() => {
      const sizes = [...document.querySelectorAll('.wall-page *')]
        .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) && e.getClientRects().length && !e.closest('.hidden-label'))
        .map((e) => Number.parseFloat(getComputedStyle(e).fontSize))
      return { tall: document.documentElement.scrollHeight, least: Math.min(...sizes) }
    })
    assert.ok(tall <= 1080, `page is ${tall} high`)
    assert.ok(least >= 1080 / 90, `smallest text is ${least} px`)
  })

  it('without WebGL shows a plain plot', async () => {
    await page.addInitScript(() => {
      const real = HTMLCanvasElement.prototype.getContext
      HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
        return kind.startsWith('webgl') ? null : real.call(this, kind, ...rest)
      }
    })
    await logIn(page, fixture.url, { to: '/map' })
    await visible('.plot')
    await visible('text=本机不支持 WebGL')
    await accessible('map')
  })
})
