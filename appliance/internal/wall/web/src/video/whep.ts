// One live view of one camera by WHEP (draft-ietf-wish-whep), once tried. The
// offer carries no candidates to wait for: the box's are in the answer, and it
// learns ours from the first check.
import { apiBase, ApiError, readProblem } from '@/shared/api'

const gatherMostMs = 150
const answerMostMs = 8000

export interface WhepSession {
  pc: RTCPeerConnection
  end(): void
}

export async function openWhep(camera: string, small: boolean, onTrack: (stream: MediaStream) => void): Promise<WhepSession> {
  const path = `${apiBase}/cameras/${encodeURIComponent(camera)}/whep${small ? '?stream=sub' : ''}`
  let pc = newPeer(onTrack)
  let location: string | undefined
  try {
    pc.addTransceiver('video', { direction: 'recvonly' })
    await pc.setLocalDescription(await pc.createOffer())
    await gathered(pc)
    const response = await send('POST', path, pc.localDescription?.sdp ?? '')
    location = response.headers.get('Location') ?? undefined
    const type = response.headers.get('Content-Type') ?? ''
    if (response.status === 406 && type.startsWith('application/sdp') && location) {
      pc.close()
      pc = newPeer(onTrack)
      await answerCounterOffer(pc, await response.text(), location)
    } else if (response.status === 201) {
      await pc.setRemoteDescription({ type: 'answer', sdp: await response.text() })
    } else {
      throw new ApiError(await readProblem(response))
    }
  } catch (error) {
    pc.close()
    if (location) forget(location)
    throw error
  }
  const peer = pc
  return {
    pc: peer,
    end() {
      peer.close()
      if (location) forget(location)
      location = undefined
    },
  }
}

function newPeer(onTrack: (stream: MediaStream) => void): RTCPeerConnection {
  const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' })
  pc.ontrack = (event) => {
    // The smallest buffer that the network allows: this is a live picture.
    if ('jitterBufferTarget' in event.receiver) event.receiver.jitterBufferTarget = 0
    onTrack(event.streams[0] ?? new MediaStream([event.track]))
  }
  return pc
}

async function answerCounterOffer(pc: RTCPeerConnection, sdp: string, location: string) {
  await pc.setRemoteDescription({ type: 'offer', sdp })
  await pc.setLocalDescription(await pc.createAnswer())
  await gathered(pc)
  const response = await send('PATCH', location, pc.localDescription?.sdp ?? '')
  if (!response.ok) throw new ApiError(await readProblem(response))
}

function send(method: string, url: string, sdp: string): Promise<Response> {
  const headers = { 'Content-Type': 'application/sdp', Accept: 'application/sdp, application/problem+json' }
  return fetch(url, {
    method, headers, body: sdp, credentials: 'same-origin', cache: 'no-store', signal: AbortSignal.timeout(answerMostMs),
  })
}

// keepalive: the word still goes out when the page is being left.
function forget(location: string) {
  void fetch(location, { method: 'DELETE', credentials: 'same-origin', keepalive: true }).catch(() => undefined)
}

function gathered(pc: RTCPeerConnection): Promise<void> {
  if (pc.iceGatheringState === 'complete') return Promise.resolve()
  return new Promise((done) => {
    const timer = setTimeout(done, gatherMostMs)
    pc.addEventListener('icegatheringstatechange', () => {
      if (pc.iceGatheringState !== 'complete') return
      clearTimeout(timer)
      done()
    })
  })
}

// framesDecoded of the video that comes in: the proof that pictures flow.
export async function framesDecoded(pc: RTCPeerConnection): Promise<number> {
  let frames = 0
  for (const report of (await pc.getStats()).values()) {
    const stats = report as RTCInboundRtpStreamStats
    if (stats.type === 'inbound-rtp' && stats.kind === 'video') frames += stats.framesDecoded ?? 0
  }
  return frames
}
