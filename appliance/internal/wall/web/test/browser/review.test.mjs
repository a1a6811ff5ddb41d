// The review (研判) in Debian's Chromium against the fixture: periods, charts
// with their tables, a patrol from a hot square, paper.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually, logIn } from '../fixture/browser.mjs'
import { accessible, fixture, margins, page, visible } from '../fixture/desk.mjs'

// asked waits until the page has asked for the review of these dates.
const asked = (wanted) => eventually(`asked for ${wanted}`, () => wanted.test(fixture.reviewed.at(-1)))
const drawn = () => visible('[data-group=hour] svg')

describe('the review', () => {
  it('counts a week beside the one before, as charts and as tables', async () => {
    await logIn(page, fixture.url, { to: '/review?date=2026-03-05' })
    await drawn()
    await asked(/from=2026-03-02&to=2026-03-08&compare_from=2026-02-23&compare_to=2026-03-01/)
    await visible('[data-total=incidents] >> text=/131.*上期 118.*\\+13 \\(\\+11%\\)/')
    await visible('[data-sources] >> text=68%')
    await visible('[data-sources] td >> text=市场夜间有人')
    await visible('[data-repeats] >> text=步行街南口')
    await accessible('review')
    for (const theme of ['浅色', '深色']) {
      await page.click(`nav >> text=${theme}`)
      await drawn()
    }
    await page.click('[data-group=kind] >> text=看表格')
    await visible('[data-group=kind] td >> text=44')
    assert.equal(await page.locator('[data-group=kind] svg').count(), 0)
    await accessible('review as tables')
    await page.click('text=月')
    await visible('text=2026-02-01 至 2026-02-28')
    await asked(/from=2026-03-01&to=2026-03-31/)
    await page.click('label:has-text("对比") input')
    await page.waitForFunction(() => !document.querySelector('.change'))
    await asked(/^(?!.*compare)/)
    assert.match(await page.getAttribute('a[download]', 'href'), /^\/api\/v1\/review\.csv\?from=2026-03-01&to=2026-03-31&language=zh-CN$/)
  })

  it('sends a patrol to a hot square with one click', async () => {
    await logIn(page, fixture.url, { to: '/review' })
    await visible('[data-cell] [data-patrol]')
    const field = page.locator('.to input')
    if (await field.count()) await field.fill('patrol-1')
    else await page.selectOption('.to select', { index: 0 })
    await page.click('[data-cell] >> nth=0 >> [data-patrol]')
    await visible('[data-cell] >> text=/已派第 \\d+ 号/')
    const task = fixture.room.tasks.at(-1)
    assert.deepEqual([task.kind, task.priority], ['patrol', 'P3'])
    assert.match(task.note, /步行街南口（28\.68960, 115\.99060）周边 100 米；.*警情 41 起/)
    const left = Date.parse(task.limit) - Date.now()
    assert.ok(left > 3.9 * 3600_000 && left <= 4 * 3600_000, `limit in ${left} ms`)
  })

  it('is printed in light colours, with its numbers, whatever the screen shows', async () => {
    await logIn(page, fixture.url, { to: '/review?date=2026-03-05' })
    await drawn()
    await page.evaluate(() => window.dispatchEvent(new Event('beforeprint')))
    await page.emulateMedia({ media: 'print' })
    assert.equal(await page.getAttribute('[data-group=hour] .chart', 'data-theme'), 'light')
    assert.equal(await page.locator('[data-group=hour] svg').getAttribute('width'), '680')
    assert.ok(await page.locator('[data-group=kind] table').isVisible())
    assert.ok(!(await page.locator('nav.nav').isVisible()))
    assert.equal(await page.locator('.button').evaluateAll((all) => all.filter((one) => one.checkVisibility()).length), 0, 'no buttons on paper')
    assert.ok(await page.locator('h1 >> text=京东派出所警情研判报告').isVisible())
    assert.ok(await page.locator('.signs >> text=审核').isVisible())
    assert.match(await page.innerText('.grid'), /统计于 \d{4}-\d\d-\d\d \d\d:\d\d/, 'a time with its day')
    const around = await margins()
    assert.match(around, /京东派出所警情研判报告 · 2026-03-02 至 2026-03-08/)
    assert.match(around, /chen 打印于 \d{4}-/)
    assert.match(around, /"第 " counter\(page\) " 页，共 " counter\(pages\) " 页"/)
    const pdf = await page.pdf({ preferCSSPageSize: true })
    const pages = pdf.toString('latin1').match(/\/Type\s*\/Page\b/g).length
    assert.ok(pages >= 2 && pages <= 6, `${pages} pages`)
  })

  it('shows a person his own record, and a lead everybody\'s', async () => {
    await logIn(page, fixture.url, { to: '/review/people' })
    await visible('[data-people] >> text=chen')
    assert.equal(await page.locator('[data-people] tbody tr').count(), 1)
    await accessible('own record')
    await page.context().clearCookies()
    await logIn(page, fixture.url, { user: 'li', to: '/review/people' })
    await visible('[data-people] >> text=wang')
    assert.equal(await page.locator('label:has-text("对比")').count(), 0, 'beside no other period')
    await page.emulateMedia({ media: 'print' })
    assert.ok(await page.locator('h1 >> text=京东派出所经办记录').isVisible())
    assert.match(await margins(), /li 打印于/)
    await page.emulateMedia({ media: 'screen' })
    await visible('text=查看已留痕')
    await accessible('people')
  })

  it('offers nothing to who may not look', async () => {
    await logIn(page, fixture.url, { user: 'wall', to: '/review' })
    await visible('text=研判和经办记录只对')
    assert.equal(await page.locator('main .button').count(), 0)
    assert.equal(fixture.reviewed.length, 0)
  })
})
