// Pictures of a report: chosen, dropped, pasted, taken out, refused; in
// Debian's Chromium against the fixture.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { logIn } from '../fixture/browser.mjs'
import { accessible, fixture, page, visible } from '../fixture/desk.mjs'

const still = await readFile(new URL('../fixture/still.jpg', import.meta.url))
const bytesOf = (name) => Buffer.concat([still, Buffer.from(name)]) // each another picture
const hashOf = (name) => createHash('sha256').update(bytesOf(name)).digest('hex')
const photo = (name) => ({ name, mimeType: 'image/jpeg', buffer: bytesOf(name) })

async function openReport(about = {}) {
  const task = fixture.issue({ to: '王磊', note: '核查', state: 'arrived', wanted: 2, ...about })
  await logIn(page, fixture.url, { to: `/tasks/${task.id}` })
  await visible('[data-action=report]')
  await page.keyboard.press('b')
  await page.fill('dialog textarea[name=text]', '已核查')
  return () => fixture.room.tasks.find((one) => one.id === task.id)
}

// transfer makes an event of files, as a mouse or a clipboard would.
const transfer = (kind, name, type) => page.evaluate(({ kind, name, type, bytes }) => {
  const data = new DataTransfer()
  data.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name, { type }))
  const event = kind === 'paste' ? new ClipboardEvent(kind, { clipboardData: data, bubbles: true, cancelable: true }) : new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true })
  return document.querySelector('dialog').dispatchEvent(event)
}, { kind, name, type, bytes: bytesOf(name).toString('base64') })

const sent = () => page.locator('dialog button[type=submit]')
const taken = (n) => page.waitForFunction((n) => document.querySelectorAll('[data-picture=taken]').length === n, n)

describe('a report', () => {
  it('takes pictures from files, by drop and by paste, and gives them along', async () => {
    const task = await openReport()
    assert.ok(await sent().isDisabled(), 'pictures are missing')
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.locator('[data-action=picture]').press('Enter')])
    assert.ok(chooser.isMultiple())
    await chooser.setFiles([photo('a.jpg'), photo('b.jpg')])
    await taken(2)
    await accessible('pictures of a report')
    assert.equal(await transfer('drop', 'c.png', 'image/png'), false, 'the browser does not open it')
    await transfer('paste', 'd.jpg', 'image/jpeg')
    await taken(4)
    assert.deepEqual(fixture.pictures.map((one) => one.kind).sort(), ['image/jpeg', 'image/jpeg', 'image/jpeg', 'image/png'])
    await page.getByRole('button', { name: '移除 b.jpg' }).press('Enter')
    await taken(3)
    assert.equal(await page.evaluate(() => document.activeElement.dataset.action), 'picture', 'the focus stays in the dialog')
    await page.keyboard.press('Control+Enter')
    await visible('[data-state=reported]')
    assert.deepEqual(task().pictures, ['a.jpg', 'c.png', 'd.jpg'].map(hashOf))
    await visible('.pictures img >> nth=2')
  })

  it('says what is wrong with a picture, and waits for one under way', async () => {
    await openReport({ wanted: 1 })
    await page.setInputFiles('dialog input[type=file]', { name: 'raw.heic', mimeType: 'image/heic', buffer: Buffer.from('ftypheic') })
    await visible('[data-picture=failed] >> text=请另存为 JPEG')
    await accessible('refused picture')
    await page.getByRole('button', { name: '移除 raw.heic' }).click()
    fixture.refusesPictures = true
    await page.setInputFiles('dialog input[type=file]', photo('a.jpg'))
    await visible('[data-picture=failed] >> text=照片已损坏')
    fixture.refusesPictures = false
    let go
    const wait = new Promise((done) => { go = done })
    await page.route('**/api/v1/pictures', async (route) => {
      await wait
      await route.continue()
    })
    await page.click('[data-picture=failed] >> text=重试')
    await visible('[data-picture=sending] progress')
    assert.ok(await sent().isDisabled(), 'one is under way')
    go()
    await taken(1)
    assert.ok(await sent().isEnabled())
  })

  it('draws a large picture smaller before it is sent, and takes sixteen at most', async () => {
    await openReport({ wanted: 1 })
    const large = await page.evaluate(async () => {
      const canvas = document.createElement('canvas')
      Object.assign(canvas, { width: 2600, height: 1300 })
      const paper = canvas.getContext('2d')
      const noise = paper.createImageData(2600, 1300)
      for (let at = 0; at < noise.data.length; at += 65_536) crypto.getRandomValues(new Uint8Array(noise.data.buffer, at, Math.min(65_536, noise.data.length - at)))
      paper.putImageData(noise, 0, 0)
      const blob = await new Promise((done) => canvas.toBlob(done, 'image/png'))
      return btoa(Array.from(new Uint8Array(await blob.arrayBuffer()), (b) => String.fromCharCode(b)).join(''))
    })
    const buffer = Buffer.from(large, 'base64')
    assert.ok(buffer.length > 1 << 20, `${buffer.length} bytes`)
    await page.setInputFiles('dialog input[type=file]', { name: 'large.png', mimeType: 'image/png', buffer })
    await taken(1)
    assert.equal(fixture.pictures[0].kind, 'image/jpeg')
    assert.ok(fixture.pictures[0].bytes < buffer.length)
    await page.setInputFiles('dialog input[type=file]', Array.from({ length: 17 }, (_, i) => photo(`${i}.jpg`)))
    await taken(16)
    await visible('dialog >> text=还有 2 张未添加')
    assert.ok(await page.locator('[data-action=picture]').isDisabled())
  })
})
