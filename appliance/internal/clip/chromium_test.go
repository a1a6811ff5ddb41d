package clip_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
)

// player plays the clip, and reports the picture it shows at the start and at
// the end, as RGBA, and the length.
const player = `<!doctype html><video muted preload=auto></video><script>
const v = document.querySelector('video')
const tell = b => fetch('/result', {method: 'POST', body: JSON.stringify(b)})
function picture() {
  const c = document.createElement('canvas'); c.width = v.videoWidth; c.height = v.videoHeight
  const g = c.getContext('2d'); g.drawImage(v, 0, 0)
  let s = ''
  for (const x of g.getImageData(0, 0, c.width, c.height).data) s += String.fromCharCode(x)
  return btoa(s)
}
const once = n => new Promise(r => v.addEventListener(n, r, {once: true}))
async function run() {
  v.src = '/clip.mp4'
  await once('loadeddata')
  const first = picture()
  v.currentTime = v.duration - 0.03 // nearer to the last picture than to the one that is not presented
  await once('seeked')
  const last = picture()
  tell({first, last, duration: v.duration})
}
v.addEventListener('error', () => tell({error: v.error.message}))
run()
</script>`

func TestPlaysInChromiumFromTheRightPicture(t *testing.T) {
	f := load(t, withB)
	path := clipOf(t, f)
	got := inChromium(t, path, player)
	require.Empty(t, got.Error)
	require.InDelta(t, 20, got.Duration, 0.001)
	require.Equal(t, 130, f.nearest(t, got.First, 125, 137), "first picture")
	require.Equal(t, 629, f.nearest(t, got.Last, 624, 635), "last picture")
}

// result is what a page told of a clip.
type result struct {
	First, Last, Error string
	Duration           float64
	Heard              int
}

// inChromium has a page play a clip.
func inChromium(t *testing.T, path, page string) result {
	t.Helper()
	results := make(chan result, 4)
	mux := http.NewServeMux()
	mux.HandleFunc("/clip.mp4", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) })
	mux.HandleFunc("/result", func(_ http.ResponseWriter, r *http.Request) {
		var got result
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			got.Error = err.Error()
		}
		results <- got
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte(page))
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	profile, err := os.MkdirTemp("", "chromium")
	require.NoError(t, err)
	defer os.RemoveAll(profile) // its children may still write when it is gone
	cmd := exec.CommandContext(t.Context(), "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--no-first-run", "--autoplay-policy=no-user-gesture-required", "--user-data-dir="+profile, "--remote-debugging-port=0", server.URL)
	require.NoError(t, cmd.Start())
	defer func() {
		require.NoError(t, cmd.Process.Kill())
		cmd.Wait()
	}()
	select {
	case got := <-results:
		return got
	case <-time.After(3 * time.Minute):
		t.Fatal("chromium did not answer")
	}
	return result{}
}

// clipOf cuts 20 s from 5.2 s on, in the middle of a GOP.
func clipOf(t *testing.T, f footage) string {
	t.Helper()
	var ready []clip.Ready
	dir := t.TempDir()
	bubble(t, func(t *testing.T) {
		b := start(t, dir)
		s := b.hold(clip.Continuous)
		began := now()
		go s.play(f, 0, frames)
		pass(15200 * time.Millisecond)
		w := want("01A", "a1", now())
		w.PreRoll = 10 * time.Second
		_, err := b.cutter.Want(t.Context(), w)
		require.NoError(t, err)
		pass(time.Until(began.Add(26 * time.Second)))
		ready, _ = b.got()
		b.close()
	})
	require.Len(t, ready, 2)
	return ready[1].Path
}

// nearest is which of the footage's pictures from..to-1 an RGBA picture is.
func (f footage) nearest(t *testing.T, rgba string, from, to int) int {
	t.Helper()
	got, err := base64.StdEncoding.DecodeString(rgba)
	require.NoError(t, err)
	best, where := -1, -1
	for i, want := range f.pictures(t, from, to) {
		require.Len(t, got, len(want))
		diff := 0
		for k := range want {
			d := int(want[k]) - int(got[k])
			diff += d * d
		}
		if best < 0 || diff < best {
			best, where = diff, from+i
		}
	}
	return where
}

// pictures decodes some pictures of the footage to RGBA.
func (f footage) pictures(t *testing.T, from, to int) (out [][]byte) {
	t.Helper()
	var stream bytes.Buffer
	begin := from / gop * gop
	for _, u := range f.units[begin:min(begin+3*gop, len(f.units))] {
		for _, nal := range u.NALs {
			stream.Write([]byte{0, 0, 0, 1})
			stream.Write(nal)
		}
	}
	cmd := exec.Command("ffmpeg", "-v", "error", "-f", "h264", "-i", "-", "-vf", fmt.Sprintf("select=between(n\\,%d\\,%d)", from-begin, to-1-begin),
		"-fps_mode", "passthrough", "-pix_fmt", "rgba", "-f", "rawvideo", "-")
	cmd.Stdin = &stream
	raw, err := cmd.Output()
	require.NoError(t, err)
	for picture := range slices.Chunk(raw, len(raw)/(to-from)) {
		out = append(out, picture)
	}
	return out
}
