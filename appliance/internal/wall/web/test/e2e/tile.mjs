// A browser at the wall of a running box, for the end-to-end test.
//
//   node tile.mjs BASE_URL USER PASSWORD COMMAND [ARG…]   one command, one JSON line
//   node tile.mjs BASE_URL USER PASSWORD                  commands as JSON lines on stdin:
//       {"id": 1, "command": "frames", "args": ["gate-east", 5]}
//     each answered by {"id": 1, "result": …} or {"id": 1, "error": "…"}; {"ready": true} comes first.
//
// Commands (times are ISO and, with _ms, Unix milliseconds of this machine):
//   frames CAMERA SECONDS       framesDecoded of the live tile once a second, and the rate
//   tile CAMERA                 what the tile says now: phase and veil
//   incident ID|latest          when it stood on the page, and its text
//   act ID claim|acknowledge|close   presses the button as an operator would
//   open ID                     stays at an incident, beside the list of all of them
//   click VERB                  presses its button there and does not wait
//   list                        the list as it stands there: id, kind, state, claimed; line (cut or not) and what the bar says
//   play-clip URL               plays a clip for 2 s, longer where it begins late: duration, position, error
//   screenshot PATH ROUTE [WIDTH HEIGHT LANGUAGE]
//   watch                       opens /wall and from then on prints {"event": …} lines:
//       incident (first paint of each), tile (phase and veil on change), p0 (what fills the middle), line (cut or not)
//   quit
import { createInterface } from 'node:readline'
import { launch, logIn } from '../fixture/browser.mjs'

const patienceMs = 170_000 // whoever asks waits longer
const [base, user, password, once, ...onceArgs] = process.argv.slice(2)
if (!password) {
  console.error('usage: node tile.mjs BASE_URL USER PASSWORD [COMMAND [ARG…]]')
  process.exit(2)
}
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)
const say = (at) => ({ at: new Date(at).toISOString(), at_ms: at })
const url = base.replace(/\/$/, '')

const browser = await launch()
const context = await browser.newContext({ viewport: { width: 1600, height: 900 }, ignoreHTTPSErrors: true, locale: 'zh-CN' })
context.setDefaultTimeout(patienceMs)
const pages = new Map()

// pageAt keeps one page for each purpose, so that tiles stay connected.
async function pageAt(purpose, route) {
  let page = pages.get(purpose)
  if (!page) pages.set(purpose, (page = await context.newPage()))
  if (new URL(page.url(), url).pathname !== route || page.url() === 'about:blank') await page.goto(url + route)
  return page
}

const commands = {
  async frames(camera, seconds) {
    const page = await pageAt('cameras', '/cameras')
    await page.evaluate((id) => document.querySelector(`[data-camera="${id}"]`)?.scrollIntoView(), camera)
    await page.waitForFunction((id) => document.querySelector(`[data-camera="${id}"]`)?.dataset.phase === 'live', camera, { polling: 100 })
    const samples = await page.evaluate(async ([id, count]) => {
      const decoded = async () => {
        const pc = window.__tiles[id]
        let frames = null
        for (const report of pc ? (await pc.getStats()).values() : []) {
          if (report.type === 'inbound-rtp' && report.kind === 'video') frames = report.framesDecoded
        }
        return { at_ms: performance.timeOrigin + performance.now(), framesDecoded: frames }
      }
      const taken = [await decoded()]
      for (let i = 0; i < count; i++) {
        await new Promise((done) => setTimeout(done, 1000))
        taken.push(await decoded())
      }
      return taken
    }, [camera, Number(seconds)])
    const [first, last] = [samples[0], samples.at(-1)]
    return { camera, samples, rate: ((last.framesDecoded - first.framesDecoded) * 1000) / (last.at_ms - first.at_ms) }
  },

  async tile(camera) {
    const page = await pageAt('cameras', '/cameras')
    await page.evaluate((id) => document.querySelector(`[data-camera="${id}"]`)?.scrollIntoView(), camera)
    return { camera, ...(await page.evaluate(readTile, camera)), ...say(Date.now()) }
  },

  async incident(id) {
    const page = await pageAt('desk', '/')
    const wanted = id === 'latest' ? await page.evaluate(newest) : id
    if (!wanted) throw new Error('no incident yet')
    await page.goto(`${url}/incidents/${wanted}`)
    const detail = page.locator(`[data-detail="${wanted}"]`)
    await detail.waitFor()
    const facts = await detail.evaluate((element) => ({
      text: element.innerText,
      clips: [...element.querySelectorAll('[data-clip]')].map((clip) => clip.dataset.clip),
      snapshot: element.querySelector('img')?.naturalWidth > 0,
    }))
    return { id: wanted, ...say(Date.now()), ...facts }
  },

  async act(id, verb) {
    const page = await pageAt('desk', '/')
    await page.goto(`${url}/incidents/${id}`)
    // The button is grey from the press on: only the answer says that it is done.
    let answer
    const answered = page.waitForResponse((one) => one.request().method() === 'POST' && one.url().endsWith(`/incidents/${id}/${verb}`)).then((one) => (answer = one))
    // Forced: else a click waits for this page's frames, and the wall beside it takes them all.
    const press = async () => {
      const submit = page.locator('dialog[open] button[type=submit]:not([disabled])')
      if (!(await submit.count())) await page.locator(`[data-action="${verb}"]:not([aria-disabled=true])`).click({ force: true, timeout: 20_000 })
      if (verb === 'close') await submit.click({ force: true, timeout: 20_000 })
    }
    // A page that just did not hear the box refuses; whoever works there presses again.
    let why
    const again = async () => {
      while (!answer) {
        await press().catch((error) => (why = error))
        await Promise.race([answered, new Promise((done) => setTimeout(done, 5000))])
      }
    }
    await Promise.race([answered, again()]).catch((error) => { throw new Error(`${error.message} ${why?.message ?? ''}`) })
    if (!answer.ok()) throw new Error(`${verb}: ${answer.status()} ${await answer.text()}`)
    await page.waitForFunction(
      ([incident, v]) => document.querySelector(`[data-detail="${incident}"] [data-action="${v}"]`)?.ariaDisabled === 'true' && !document.querySelector('dialog[open]'),
      [id, verb], { polling: 100 })
    return { id, verb, ...say(Date.now()) }
  },

  async open(id) {
    const page = await pageAt('desk', `/incidents/${id}`)
    await page.locator('.chip', { hasText: '全部' }).click()
    await page.locator(`[data-detail="${id}"] [data-action=claim]`).waitFor()
    return {}
  },

  async click(verb) {
    await pages.get('desk').locator(`[data-action="${verb}"]`).click({ force: true })
    return {}
  },

  async list() {
    return pages.get('desk').evaluate(() => ({
      incidents: [...document.querySelectorAll('.rows [data-incident]')].map(({ dataset: { incident: id, kind, state, claimed } }) => ({ id, kind, state, claimed })),
      cut: document.querySelector('[data-line]')?.dataset.line === 'cut',
      said: document.querySelector('.bar')?.textContent ?? '',
    }))
  },

  async 'play-clip'(source) {
    const page = await pageAt('clip', '/login')
    return page.evaluate(async (src) => {
      const video = Object.assign(document.createElement('video'), { muted: true, playsInline: true, src })
      document.body.append(video)
      const ready = await new Promise((done) => {
        video.onloadeddata = () => done('')
        video.onerror = () => done(`${video.error?.code} ${video.error?.message}`)
        setTimeout(() => done('nothing loaded within a minute'), 60_000)
      })
      const from = video.currentTime
      if (!ready) await video.play().catch(() => undefined)
      for (let waited = 0; !ready && !video.error && waited < 60_000 && (waited < 2000 || video.currentTime < from + 1); waited += 100) {
        await new Promise((done) => setTimeout(done, 100))
      }
      const quality = video.getVideoPlaybackQuality()
      const said = {
        url: src, duration: video.duration, startTime: from, currentTime: video.currentTime, width: video.videoWidth, height: video.videoHeight,
        frames: quality.totalVideoFrames, dropped: quality.droppedVideoFrames, error: ready || video.error?.message || '',
      }
      video.remove()
      return said
    }, new URL(source, url).href)
  },

  async screenshot(path, route, width = 1920, height = 1080, language = 'zh-CN') {
    const page = await context.newPage()
    await page.setViewportSize({ width: Number(width), height: Number(height) })
    await page.addInitScript((l) => localStorage.setItem('watchpost.language', l), language)
    await page.goto(url + route)
    await page.waitForTimeout(4000)
    await page.screenshot({ path })
    await page.close()
    return { path }
  },

  async watch() {
    const page = await context.newPage()
    pages.set('watch', page)
    await page.setViewportSize({ width: 1920, height: 1080 })
    await page.exposeFunction('watchpostSaw', print)
    await page.addInitScript(observe)
    await page.goto(`${url}/wall`)
    await page.locator('[data-camera], .wall-list').first().waitFor()
    return { watching: true, ...say(Date.now()) }
  },

  async quit() {
    setTimeout(finish, 0)
    return {}
  },
}

function readTile(camera) {
  const tile = document.querySelector(`[data-camera="${camera}"]`)
  return { phase: tile?.dataset.phase ?? '', veil: tile?.querySelector('[data-veil]')?.textContent ?? '' }
}

async function newest() {
  const answer = await (await fetch('/api/v1/incidents?limit=1')).json()
  return answer.items[0]?.id
}

// observe runs in the page: what changed is said with the time of the paint
// that showed it.
function observe() {
  const incidents = new Set()
  const tiles = new Map()
  let p0 = ''
  let cut = ''
  const said = (event) => {
    const at = performance.timeOrigin + performance.now()
    window.watchpostSaw({ ...event, at: new Date(at).toISOString(), at_ms: at })
  }
  const look = () => {
    const events = []
    for (const row of document.querySelectorAll('[data-incident]')) {
      const { incident: id, priority, state } = row.dataset
      if (!incidents.has(id)) events.push({ event: 'incident', id, priority, state, text: row.textContent.trim() })
      incidents.add(id)
    }
    for (const tile of document.querySelectorAll('[data-camera]')) {
      const now = { phase: tile.dataset.phase ?? '', veil: tile.querySelector('[data-veil]')?.textContent ?? '' }
      const before = tiles.get(tile.dataset.camera)
      if (before?.phase === now.phase && before?.veil.slice(0, 4) === now.veil.slice(0, 4)) continue
      tiles.set(tile.dataset.camera, now)
      events.push({ event: 'tile', camera: tile.dataset.camera, ...now })
    }
    const filled = document.querySelector('article[data-p0]')?.dataset.p0 ?? ''
    if (filled !== p0) events.push({ event: 'p0', id: filled })
    const line = document.querySelector('[data-line]')?.dataset.line ?? ''
    if (line !== cut) events.push({ event: 'line', cut: line === 'cut' })
    p0 = filled
    cut = line
    // After the paint that shows it.
    if (events.length > 0) requestAnimationFrame(() => setTimeout(() => events.forEach(said), 0))
  }
  new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ['data-phase', 'data-state'] })
}

async function finish() {
  await browser.close()
  process.exit(process.exitCode ?? 0)
}

async function answer(id, command, args) {
  try {
    if (!commands[command]) throw new Error(`unknown command ${command}`)
    print({ id, result: await commands[command](...args) })
  } catch (error) {
    print({ id, error: String(error.message ?? error) })
    if (once) process.exitCode = 1
  }
}

try {
  const page = await context.newPage()
  await logIn(page, url, { user, password, to: '/devices' })
  await page.close()
} catch (error) {
  print({ error: `log in: ${error.message}` })
  process.exitCode = 1
  await finish()
}

if (once) {
  await answer(0, once, onceArgs)
  if (once !== 'watch') await finish()
} else {
  print({ ready: true })
  const lines = createInterface({ input: process.stdin })
  // Commands do not wait for each other: frames may run while a clip plays.
  lines.on('line', (line) => {
    if (!line.trim()) return
    try {
      const { id, command, args = [] } = JSON.parse(line)
      void answer(id, command, args)
    } catch (error) {
      print({ error: `bad command line: ${error.message}` })
    }
  })
  lines.on('close', finish)
}
