// The end-to-end test's browser, against the fixture.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { after, before, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { launch, startCameras } from '../fixture/browser.mjs'
import { startFixture } from '../fixture/server.mjs'
import { makeClip } from '../fixture/station.mjs'

const path = (name) => fileURLToPath(new URL(name, import.meta.url))
let browser, fixture, tile, next = 0
const answers = new Map()
const events = []

const ask = (command, ...args) => new Promise((done, failed) => {
  answers.set(++next, (line) => (line.error ? failed(new Error(`${command}: ${line.error}`)) : done(line.result)))
  tile.stdin.write(`${JSON.stringify({ id: next, command, args })}\n`)
})
async function event(match) {
  const until = Date.now() + 30_000
  while (!events.some(match)) {
    assert.ok(Date.now() < until, `no such event among ${JSON.stringify(events)}`)
    await new Promise((done) => setTimeout(done, 25))
  }
  return events.find(match)
}

before(async () => {
  browser = await launch()
  const cameras = await startCameras(browser)
  fixture = await startFixture({ dist: path('../../.browser-dist'), whep: cameras.answer })
  tile = spawn(process.execPath, [path('../e2e/tile.mjs'), fixture.url, 'chen', 'watch'], { stdio: ['pipe', 'pipe', 'inherit'] })
  await new Promise((ready) => {
    createInterface({ input: tile.stdout }).on('line', (text) => {
      const line = JSON.parse(text)
      if (line.ready) ready()
      else if (line.event) events.push(line)
      else answers.get(line.id)?.(line)
    })
  })
})
after(async () => {
  tile?.stdin.end()
  await new Promise((done) => tile.once('exit', done))
  await browser?.close()
  await fixture?.close()
})

it('watches the wall, counts frames, reads and works on incidents, plays clips', async () => {
  await ask('watch')
  const raisedAt = Date.now()
  const press = fixture.raise({ kind: 'alarm', priority: 'P0', cameras: ['market'] })
  const seen = await event((e) => e.event === 'incident' && e.id === press.id)
  assert.ok(seen.at_ms >= raisedAt && seen.at_ms < Date.now() + 1, 'painted after it was raised')
  await event((e) => e.event === 'p0' && e.id === press.id)

  const clip = makeClip(press, 'market', '1', 700)
  fixture.put('clip', clip)
  const played = await ask('play-clip', clip.location)
  assert.equal(played.error, '')
  assert.ok(Math.abs(played.duration - 4) < 0.1 && played.currentTime > 0.5, JSON.stringify(played))

  const shown = await ask('incident', press.id)
  assert.match(shown.text, /一键报警 · 步行街南口/)
  await ask('act', press.id, 'claim')
  assert.equal(fixture.room.incidents[0].claimed_by, 'chen')
  await event((e) => e.event === 'incident' && e.id === press.id)

  const { rate, samples } = await ask('frames', 'street-south', 2)
  assert.equal(samples.length, 3)
  assert.ok(rate > 1, `rate ${rate}`)
  fixture.cameraLive('gate-east', false)
  assert.equal((await ask('tile', 'street-south')).phase, 'live')
  await assert.rejects(ask('nonsense'), /unknown command/)
})
