// Looking back: in Debian's Chromium against the fixture.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { logIn } from '../fixture/browser.mjs'
import { accessible, fixture, page } from '../fixture/desk.mjs'

const dayBefore = () => new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Shanghai' }).format(Date.now() - 24 * 3600_000)
// Noon: at some times of its day the fixture has nothing recorded.
const yesterday = () => Date.parse(`${dayBefore()}T12:00:00+08:00`)
const clock = async () => page.locator('.clock').textContent()
const times = () => page.locator('.cell video').evaluateAll((all) => all.filter((v) => v.offsetParent && v.src).map((v) => v.currentTime))

describe('playback', () => {
  it('plays two cameras in step, by keyboard', async () => {
    await logIn(page, fixture.url, { to: `/playback?cameras=gate-east,street-south&at=${yesterday()}` })
    await page.waitForFunction(() => [...document.querySelectorAll('.cell video')].filter((v) => v.readyState >= 3).length === 2)
    const before = await clock()
    await page.keyboard.press('Space')
    await page.waitForFunction((was) => document.querySelector('.clock').textContent !== was && [...document.querySelectorAll('.cell video')].filter((v) => v.currentTime > 1).length === 2, before)
    await page.keyboard.press('Space')
    await page.waitForFunction(() => [...document.querySelectorAll('.cell video')].filter((v) => v.offsetParent && v.src).every((v) => v.paused && !v.seeking))
    const [a, b] = await times()
    assert.ok(Math.abs(a - b) < 0.05, `in step: ${a} and ${b}`)
    await accessible('playback')
  })

  it('says why nothing is there, and steps over it', async () => {
    const gone = Date.parse(`${dayBefore()}T01:36:00+08:00`)
    await logIn(page, fixture.url, { to: `/playback?cameras=gate-east&at=${gone}` })
    await page.locator('.cell .word >> text=摄像头无画面').waitFor()
    await page.locator('.cell .word >> text=/拒绝/').waitFor()
    await page.keyboard.press(']')
    await page.waitForFunction(() => document.querySelector('.clock').textContent.startsWith('01:54:00'))
    await page.waitForFunction(() => [...document.querySelectorAll('.cell video')].some((v) => v.readyState >= 2))
    await page.keyboard.press('[')
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('Space')
    await page.waitForFunction(() => /^01:5[45]/.test(document.querySelector('.clock').textContent))
  })

  it('finds cameras by pinyin, holds four at most, and cuts what is marked', async () => {
    await logIn(page, fixture.url, { to: `/playback?cameras=gate-east&at=${yesterday()}` })
    await page.locator('.picker input').fill('nmsc')
    assert.equal(await page.locator('.picker .one').count(), 1)
    await page.locator('.picker .one >> text=农贸市场').click()
    await page.locator('[data-camera=market]').waitFor()
    await page.locator('.picker input').fill('')
    await page.locator('h1').click()
    await page.keyboard.press('i')
    await page.keyboard.press('Shift+ArrowRight')
    await page.keyboard.press('o')
    const links = page.locator('a[download]')
    assert.equal(await links.count(), 2)
    const asked = new URL(await links.first().evaluate((a) => a.href)).searchParams
    assert.equal(Date.parse(asked.get('to')) - Date.parse(asked.get('from')), 60_000)
  })

  it('is held by a lead, all cameras that are shown', async () => {
    await logIn(page, fixture.url, { user: 'li', to: `/playback?cameras=gate-east,street-south&at=${yesterday()}` })
    await page.waitForFunction(() => [...document.querySelectorAll('.cell video')].filter((v) => v.readyState >= 3).length === 2)
    await page.keyboard.press('i')
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('o')
    await page.click('[data-action=hold]')
    await page.fill('dialog textarea', '纠纷取证')
    await page.keyboard.press('Control+Enter')
    await page.locator('a >> text=已保全').waitFor()
    assert.deepEqual(fixture.holds.map((h) => [h.device, Date.parse(h.spans[0].to) - Date.parse(h.spans[0].from)]), [['gate-east', 5000], ['street-south', 5000]])
  })
})
