// Shift handover in Debian's Chromium: how the room stands, two signatures under
// one page, former ones; and a bundle with originals, which two leads decide.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { logIn } from '../fixture/browser.mjs'
import { accessible, fixture, margins, page, visible } from '../fixture/desk.mjs'
import { makeClip } from '../fixture/station.mjs'

const ago = (minutes) => Date.now() - minutes * 60_000

// askUnmasked fills in what a lead asks about an incident with a masked clip.
async function askUnmasked() {
  const made = fixture.raise({ kind: 'intrusion', priority: 'P1', state: 'acknowledged', by: 'li', place: { name: '东门' }, shown: true })
  fixture.put('clip', { ...makeClip(made, 'gate-east', 'whole', 900), masked: true, original_sha256: 'a'.repeat(64) })
  await logIn(page, fixture.url, { user: 'li', to: `/incidents/${made.id}` })
  await page.click('[data-action=evidence]')
  await page.fill('dialog textarea', '检察院调取')
  await page.check('dialog input[name=unmasked]')
  return made
}

describe('handover', () => {
  it('is signed by who leaves and, at the same desk, by who comes', async () => {
    fixture.raise({ kind: 'dispute', priority: 'P2', at: ago(44), state: 'acknowledged', by: 'chen', place: { name: '建设路 18 号' } })
    fixture.raise({ kind: 'call_110', priority: 'P2', at: ago(3), limitMs: 120_000, place: { name: '阳光小区 2 栋' } })
    await logIn(page, fixture.url, { to: '/duty/handover' })
    await visible('[data-paper=preview] >> text=建设路 18 号')
    await visible('text=夜间巡查')
    await visible('text=另有 4 项未列出')
    await accessible('handover preview')
    await page.click('[data-action=sign]')
    await page.fill('dialog textarea', '东门摄像头已报修')
    assert.ok(await page.isChecked('dialog input[name=pass]'), 'one claim goes along')
    await accessible('sign dialog')
    await page.keyboard.press('Control+Enter')
    await visible('text=等待接班')
    await visible('[data-digest=same]')
    await page.click('[data-action=take]')
    await accessible('take dialog')
    assert.ok(await page.isDisabled('dialog button[type=submit]'), 'nobody signs what he has not read')
    await page.check('dialog input[name=read]')
    await page.fill('dialog input[name=name]', 'chen')
    await page.fill('dialog input[name=password]', 'watch')
    await page.keyboard.press('Control+Enter')
    await visible('dialog >> text=须由另一人')
    await page.fill('dialog input[name=name]', 'li')
    await page.keyboard.press('Control+Enter')
    await page.waitForURL(/duty\/handover\/H1$/)
    await visible('.signs >> text=li')
    await visible('text=东门摄像头已报修')
    await visible('[data-digest=same]')
    await visible('[data-former=H1] >> text=chen → li')
    await accessible('former handover')
    await page.emulateMedia({ media: 'print' })
    assert.equal(await page.isVisible('nav.nav'), false, 'no shell on paper')
    assert.equal(await page.isVisible('[data-action=print]'), false)
    assert.equal(await page.locator('.sign .line >> text=签字').count(), 2)
    assert.ok(await page.locator('.sign .line').first().isVisible(), 'a line to sign on')
    assert.match(await page.innerText('.sum'), /SHA-256 [0-9a-f]{64}/)
    assert.match(await margins(), /京东派出所 交接班记录 · \d{4}-.* 打印于 /)
    const pdf = (await page.pdf({ preferCSSPageSize: true })).toString('latin1')
    assert.match(pdf, /MediaBox \[0 0 59[45][.\d]* 84[12]/, 'A4')
  })

  it('can be taken back by who signed it, with a reason', async () => {
    await logIn(page, fixture.url, { user: 'li', to: '/duty/handover' })
    await page.click('[data-action=sign]')
    await page.keyboard.press('Control+Enter')
    await visible('text=等待接班')
    await page.click('[data-action=withdraw]')
    await accessible('withdraw dialog')
    await page.fill('dialog textarea', '接班人未到')
    await page.keyboard.press('Control+Enter')
    await visible('[data-paper=preview]')
    assert.equal(await page.locator('[data-action=take]').count(), 0)
  })

  it('says that a page is not what was signed', async () => {
    await logIn(page, fixture.url, { user: 'li', to: '/duty/handover' })
    await page.click('[data-action=sign]')
    await page.keyboard.press('Control+Enter')
    await visible('[data-digest=same]')
    fixture.openHandover.page.counts.opened = 99
    await page.reload()
    await visible('[data-digest=other]')
  })

  it('says honestly that nothing is configured', async () => {
    fixture.bare = true
    await logIn(page, fixture.url, { to: '/duty/handover' })
    await visible('text=未配置视频巡逻计划')
    await visible('text=未配置人员和警力单元')
    await visible('text=首次交接')
    assert.equal(await page.isVisible('.blank'), false)
    await page.emulateMedia({ media: 'print' })
    await visible('.blank >> text=预览')
    assert.equal(await page.locator('.blank .line').evaluateAll((all) => all.filter((one) => one.checkVisibility()).length), 2, 'lines to sign on')
    const pdf = (await page.pdf({ preferCSSPageSize: true })).toString('latin1')
    assert.equal(pdf.match(/\/Type\s*\/Page[^s]/g).length, 1, 'a short handover is one page')
  })

  it('is not for who only looks', async () => {
    await logIn(page, fixture.url, { user: 'wall', to: '/duty/handover' })
    await visible('text=本账号不能交接班')
    assert.equal(fixture.calls.filter((call) => call.includes('/handover')).length, 0)
  })
})

describe('a bundle with originals', () => {
  it('waits for the second lead, who may stand at this desk', async () => {
    const made = await askUnmasked()
    await accessible('unmask request')
    await page.keyboard.press('Control+Enter')
    await visible('[data-unmask][data-state=waiting]')
    assert.deepEqual([fixture.approvals[0].act, fixture.approvals[0].subject], ['unmask', `incidents/${made.id}`])
    await accessible('unmask wait')
    await page.fill('dialog input[name=name]', 'sun')
    await page.fill('dialog input[name=password]', 'watch')
    await page.keyboard.press('Control+Enter')
    await visible('[data-unmask][data-state=granted] >> text=sun 已批准')
    const [taken] = await Promise.all([page.waitForEvent('download'), page.click('dialog button[type=submit]')])
    assert.match(taken.url(), /approval=A1/)
    await visible('[data-unmask] >> text=已开始下载')
  })

  it('is refused in words', async () => {
    await askUnmasked()
    await page.keyboard.press('Control+Enter')
    await visible('[data-unmask][data-state=waiting]')
    Object.assign(fixture.approvals[0], { state: 'refused', second: 'sun' })
    await visible('[data-unmask][data-state=refused] >> text=sun 已拒绝')
    assert.ok(await page.isDisabled('dialog button[type=submit]'))
  })
})
