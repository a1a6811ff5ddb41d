package clip_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
	"github.com/watchpost-edge/watchpost/ingest"
)

// hear is the sound of a camera: a tone in its seconds 10 to 11 and 20 to 21,
// else next to nothing.
func hear(t *testing.T, codec ingest.Codec) []*ingest.Unit {
	t.Helper()
	const seconds = 40
	rate, block := 8000, 160
	if codec == ingest.AAC {
		rate, block = 16000, 1024
	}
	var pcm bytes.Buffer
	for i := range seconds * rate {
		at := float64(i) / float64(rate)
		v := 0.0
		if at >= 10 && at < 11 || at >= 20 && at < 21 {
			v = 12000 * math.Sin(2*math.Pi*440*at)
		}
		require.NoError(t, binary.Write(&pcm, binary.BigEndian, int16(v)))
	}
	p := &ingest.Params{Codec: codec, SampleRate: rate, Channels: 1}
	var parts [][]byte
	if codec == ingest.LPCM {
		for b := pcm.Bytes(); len(b) >= 2*block; b = b[2*block:] {
			parts = append(parts, b[:2*block])
		}
	} else {
		cmd := exec.Command("ffmpeg", "-v", "error", "-f", "s16be", "-ar", strconv.Itoa(rate), "-ac", "1", "-i", "-", "-c:a", "aac", "-b:a", "32k", "-f", "adts", "-")
		cmd.Stdin = &pcm
		out, err := cmd.Output()
		require.NoError(t, err)
		for len(out) > 7 {
			n := int(out[3]&3)<<11 | int(out[4])<<3 | int(out[5])>>5
			parts, out = append(parts, out[7:n]), out[n:]
		}
		parts = parts[1:]             // ffmpeg's priming
		p.Config = []byte{0x14, 0x08} // AAC-LC, 16 kHz, mono
	}
	var units []*ingest.Unit
	for i, part := range parts {
		pts := int64(i) * int64(block) * ingest.ClockRate / int64(rate)
		units = append(units, &ingest.Unit{Params: p, PTS: pts, DTS: pts, NALs: [][]byte{part}, Samples: block, Bytes: len(part)})
	}
	return units
}

// mixed is footage with sound, in the order of decoding, without what lies
// between two instants.
func mixed(f footage, sound []*ingest.Unit, from, to time.Duration) footage {
	var all []*ingest.Unit
	add := func(u *ingest.Unit) {
		if at := time.Duration(u.DTS) * time.Second / ingest.ClockRate; at < from || at >= to {
			all = append(all, u)
		}
	}
	for _, u := range f.units {
		for len(sound) > 0 && sound[0].DTS < u.DTS {
			add(sound[0])
			sound = sound[1:]
		}
		add(u)
	}
	f.units = all
	return f
}

// loud are the seconds of a clip in which it is loud, as ffmpeg plays it.
func loud(t *testing.T, path string) (seconds []float64) {
	t.Helper()
	out, err := exec.Command("ffmpeg", "-v", "warning", "-i", path, "-map", "0:a", "-f", "s16le", "-ac", "1", "-ar", "8000", "-").Output()
	require.NoError(t, err)
	on := false
	for i := 0; i+160 <= len(out); i += 160 { // 10 ms
		var sum float64
		for j := 0; j < 160; j += 2 {
			v := float64(int16(binary.LittleEndian.Uint16(out[i+j:])))
			sum += v * v
		}
		if now := math.Sqrt(sum/80) > 2000; now != on {
			on = now
			seconds = append(seconds, float64(i)/16000)
		}
	}
	return seconds
}

type tracks struct {
	Streams []struct {
		Kind     string `json:"codec_type"`
		Codec    string `json:"codec_name"`
		Duration string `json:"duration"`
	}
}

func tracksOf(t *testing.T, path string) (v tracks) {
	t.Helper()
	var errs bytes.Buffer
	cmd := exec.Command("ffprobe", "-v", "warning", "-show_streams", "-of", "json", path)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Empty(t, errs.String())
	require.NoError(t, json.Unmarshal(out, &v))
	require.Len(t, v.Streams, 2)
	return v
}

// Sound is recorded and stands in clips at the pictures that it belongs to,
// through a pause of the camera too: there is silence, and the length is the
// pictures'.
func TestSoundIsKeptInStep(t *testing.T) {
	for codec, name := range map[ingest.Codec]string{ingest.LPCM: "flac", ingest.AAC: "aac"} {
		t.Run(string(codec), func(t *testing.T) {
			path, whole, dir := clipWithSound(t, codec)
			got := tracksOf(t, path)
			require.Equal(t, name, got.Streams[1].Codec)
			length := whole.To.Sub(whole.From).Seconds()
			for _, s := range got.Streams {
				d, err := strconv.ParseFloat(s.Duration, 64)
				require.NoError(t, err)
				require.InDelta(t, length, d, 0.0005, s.Kind)
			}
			require.Len(t, whole.Gaps, 1)
			// The clip begins with second 5 of the camera's.
			on := loud(t, path)
			require.Len(t, on, 4)
			for i, want := range []float64{5, 6, 15, 16} {
				require.InDelta(t, want, on[i], 0.08, "tone %d", i)
			}
			segments, err := filepath.Glob(filepath.Join(dir, "recordings", "gate", "*", "*.mp4"))
			require.NoError(t, err)
			tracksOf(t, segments[0])
			require.Len(t, loud(t, segments[0]), 4, "a segment plays by itself")
		})
	}
}

// clipWithSound is seconds 5 to 25 of a camera that was silent from 13 to 15.
func clipWithSound(t *testing.T, codec ingest.Codec) (string, clip.Ready, string) {
	f := mixed(load(t, plain), hear(t, codec), 13*time.Second, 15*time.Second)
	dir := t.TempDir()
	var ready []clip.Ready
	bubble(t, func(t *testing.T) {
		b := start(t, dir)
		s := b.hold(clip.Continuous)
		began := now()
		go s.play(f, 0, len(f.units))
		pass(15 * time.Second)
		w := want("01A", "a1", began.Add(15*time.Second))
		w.PreRoll = 10 * time.Second
		_, err := b.cutter.Want(t.Context(), w)
		require.NoError(t, err)
		pass(15 * time.Second)
		ready, _ = b.got()
		b.close()
	})
	require.Len(t, ready, 2)
	return ready[1].Path, ready[1], dir
}

// Chromium plays both kinds of sound.
func TestSoundPlaysInChromium(t *testing.T) {
	for _, codec := range []ingest.Codec{ingest.LPCM, ingest.AAC} {
		t.Run(string(codec), func(t *testing.T) {
			path, whole, _ := clipWithSound(t, codec)
			got := inChromium(t, path, listener)
			require.Empty(t, got.Error)
			require.InDelta(t, whole.To.Sub(whole.From).Seconds(), got.Duration, 0.001)
			require.Positive(t, got.Heard, "bytes of decoded sound")
		})
	}
}

// listener plays a second of the clip and reports how much sound was decoded.
const listener = `<!doctype html><video preload=auto></video><script>
const v = document.querySelector('video')
const tell = b => fetch('/result', {method: 'POST', body: JSON.stringify(b)})
async function run() {
  v.src = '/clip.mp4'
  await v.play()
  const wait = setInterval(() => {
    if (v.currentTime < 1) return
    clearInterval(wait)
    tell({duration: v.duration, heard: v.webkitAudioDecodedByteCount})
  }, 50)
}
v.addEventListener('error', () => tell({error: v.error.message}))
run().catch(e => tell({error: String(e)}))
</script>`
