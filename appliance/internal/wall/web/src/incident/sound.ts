// The two tones of an unanswered P0, and the quieter ones of an urgent
// instruction that nobody has signed for. Browsers keep silent until somebody has
// touched the page: then `blocked` is true and the screen must say so.
import { ref } from 'vue'

export interface Tones {
  hz: readonly number[]
  everyMs: number
  loudness: number // of the volume that is set
}

const alarmTones: Tones = { hz: [880, 660], everyMs: 3000, loudness: 1 }
export const instructionTones: { P0: Tones; P1: Tones } = {
  P0: { hz: [523, 659, 784], everyMs: 5000, loudness: 0.8 },
  P1: { hz: [523, 659], everyMs: 15_000, loudness: 0.4 },
}
const toneSeconds = 0.28
const volumeKey = 'watchpost.volume'
const volumeDefault = 0.6

export function storedVolume(): number {
  const held = Number(localStorage.getItem(volumeKey) ?? volumeDefault)
  return Number.isFinite(held) && held >= 0 && held <= 1 ? held : volumeDefault
}

export class AlarmSound {
  readonly blocked = ref(false)
  readonly volume = ref(storedVolume())
  private context: AudioContext | undefined
  private timer: ReturnType<typeof setInterval> | undefined

  constructor(private readonly tones: Tones = alarmTones) {}

  setVolume(volume: number) {
    this.volume.value = volume
    localStorage.setItem(volumeKey, String(volume))
  }

  start() {
    if (this.timer !== undefined) return
    void this.strike()
    this.timer = setInterval(() => void this.strike(), this.tones.everyMs)
  }

  stop() {
    clearInterval(this.timer)
    this.timer = undefined
    this.blocked.value = false
  }

  // unblock must be called from a key press or a click.
  async unblock() {
    await this.context?.resume()
    this.blocked.value = this.timer !== undefined && this.context?.state !== 'running'
  }

  private async strike() {
    if (typeof AudioContext === 'undefined') {
      this.blocked.value = true
      return
    }
    this.context ??= new AudioContext()
    // resume() stays pending while the browser forbids sound: do not wait for it.
    if (this.context.state !== 'running') void this.context.resume().catch(() => undefined)
    await new Promise((done) => setTimeout(done, 50))
    if (this.timer === undefined) return
    this.blocked.value = this.context.state !== 'running'
    if (!this.blocked.value) this.play(this.context)
  }

  private play(context: AudioContext) {
    const loud = this.volume.value * this.tones.loudness
    this.tones.hz.forEach((hz, index) => {
      const from = context.currentTime + index * toneSeconds
      const oscillator = new OscillatorNode(context, { type: 'triangle', frequency: hz })
      const gain = new GainNode(context, { gain: 0 })
      gain.gain.setValueAtTime(0, from)
      gain.gain.linearRampToValueAtTime(loud, from + 0.02)
      gain.gain.setValueAtTime(loud, from + toneSeconds - 0.04)
      gain.gain.linearRampToValueAtTime(0, from + toneSeconds)
      oscillator.connect(gain).connect(context.destination)
      oscillator.start(from)
      oscillator.stop(from + toneSeconds)
    })
  }
}
