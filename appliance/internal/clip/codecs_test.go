package clip_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
)

// A camera is set to another codec and back: players show what most of a clip
// is in, the rest stands among its gaps, and time stays wall time.
func TestCodecChanges(t *testing.T) {
	f, g := load(t, plain), load(t, hevc)
	dir, to := t.TempDir(), t.TempDir()
	gaps := map[string][]clip.Gap{}
	var began time.Time
	bubble(t, func(t *testing.T) {
		b := start(t, dir)
		s := b.hold(clip.Continuous)
		began = now()
		go func() {
			s.play(f, 0, 250) // to 10 s
			s.run++
			s.sleep(frameTime - cameraLag)
			s.play(g, 0, 100) // to 14 s
			s.run++
			s.play(f, 400, 800)
		}()
		pass(28 * time.Second)
		for name, of := range map[string][2]time.Duration{"h264": {5 * time.Second, 25 * time.Second}, "hevc": {9 * time.Second, 13 * time.Second}} {
			m, err := b.cutter.Interval("gate", began.Add(of[0]), began.Add(of[1]))
			require.NoError(t, err)
			file, err := os.Create(filepath.Join(to, name))
			require.NoError(t, err)
			_, err = file.ReadFrom(m)
			require.NoError(t, err)
			require.NoError(t, file.Close())
			gaps[name] = utc(m.Gaps)
			require.NoError(t, m.Close())
		}
		b.close()
	})
	for name, want := range map[string]struct {
		length   time.Duration
		pictures int
		from, to time.Duration // the gap's, since the camera began
	}{
		"h264": {20 * time.Second, 400, 10 * time.Second, 14 * time.Second},
		"hevc": {4 * time.Second, 75, 9 * time.Second, 10 * time.Second},
	} {
		path := filepath.Join(to, name)
		// It warns of the entries that it leaves out.
		said, err := exec.Command("ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=codec_name,duration,nb_read_frames", "-of", "csv=p=0", path).CombinedOutput()
		require.NoError(t, err)
		var seconds float64
		var pictures int
		codec, rest, _ := strings.Cut(string(said), ",")
		_, err = fmt.Sscanf(rest, "%f,%d", &seconds, &pictures)
		require.NoError(t, err, "%s", said)
		require.Equal(t, name, codec)
		require.InDelta(t, want.length.Seconds(), seconds, 0.3, name)
		require.InDelta(t, want.pictures, pictures, 8, name)
		require.Len(t, gaps[name], 1, "%s: %v", name, gaps[name])
		require.Equal(t, "pictures in another codec", gaps[name][0].Why)
		require.WithinDuration(t, began.Add(want.from), gaps[name][0].From, 300*time.Millisecond, name)
		require.WithinDuration(t, began.Add(want.to), gaps[name][0].To, 300*time.Millisecond, name)
	}
}
