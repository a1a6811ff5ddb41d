package media_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/media"
)

const crashDirEnv = "MEDIA_CRASH_DIR"

// TestMain records until it is killed when the test binary executed itself.
func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDirEnv); dir != "" {
		if err := recordForever(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		return
	}
	os.Exit(m.Run())
}

// recordForever records as fast as the disk takes it, segments of 8 s, and
// says after each fragment up to which picture all is on the disk.
func recordForever(dir string) error {
	s := media.New(media.Options{Dir: dir, MinFree: -1, Segment: 8 * time.Second})
	if err := s.Open(); err != nil {
		return err
	}
	var first int
	for _, span := range s.Recorded("gate", noon, noon.AddDate(1, 0, 0)) {
		first = int(span.To.Sub(noon)/(40*time.Millisecond)) + 50
	}
	first -= first % 50 // a key unit
	p := testParams()
	r := s.Recorder(media.Recordings, "gate")
	for i := first; ; i += 25 {
		if err := r.Write(samples(p, s.Boot(), 1, i, 25), int64(i+25)*3600); err != nil {
			return err
		}
		fmt.Println(first, i+25)
	}
}

// A box that is killed while it records, and loses what was not synced, again
// and again: every segment reads to its end, the index is that of the files,
// and all but the fragment that was being written is there. 10 times here, 50
// in make soak.
func TestKilledWhileRecording(t *testing.T) {
	rounds := 10
	if n, err := strconv.Atoi(os.Getenv("WATCHPOST_SOAK")); err == nil {
		rounds = max(rounds, n)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	lost := 0
	for round := range rounds {
		first, synced := killRecorder(t, dir, 1+r.IntN(30))
		loseUnsynced(t, dir, r)
		s := open(t, media.Options{Dir: dir})
		got := read(t, s, noon.Add(time.Duration(first)*40*time.Millisecond), noon.AddDate(1, 0, 0))
		var numbers []int
		for i := range got {
			if n := int(got[i].DTS / 3600); n >= first {
				numbers = append(numbers, n)
			}
			_, err := got[i].Append(nil)
			require.NoError(t, err)
		}
		require.GreaterOrEqual(t, len(numbers), synced-first, "round %d: what was synced is there", round)
		require.LessOrEqual(t, len(numbers), synced-first+25, "round %d", round)
		for i, n := range numbers {
			require.Equal(t, first+i, n, "round %d: no hole, nothing twice", round)
		}
		lost += synced + 25 - first - len(numbers)
		require.Equal(t, index(t, s), index(t, open(t, media.Options{Dir: dir})), "round %d: the index is that of the files", round)
		playable(t, dir)
	}
	t.Logf("%d kills, %d fragments lost that were being written, none else", rounds, lost/25)
}

// killRecorder lets a child record so many fragments and kills it: the picture
// that it began with, and up to which all was synced.
func killRecorder(t *testing.T, dir string, fragments int) (first, synced int) {
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), crashDirEnv+"="+dir)
	var stderr bytes.Buffer
	child.Stderr = &stderr
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		_, err := fmt.Sscan(lines.Text(), &first, &synced)
		require.NoError(t, err)
		if n == fragments {
			require.NoError(t, child.Process.Kill())
		}
	}
	require.Error(t, child.Wait())
	require.Empty(t, stderr.String())
	require.NotZero(t, synced)
	return first, synced
}

// loseUnsynced does to the open segment what a power cut does to what was not
// synced: behind the last whole fragment some of it is gone, or zeros.
func loseUnsynced(t *testing.T, dir string, r *rand.Rand) {
	found, err := filepath.Glob(filepath.Join(dir, "recordings", "gate", "*", "*.open.mp4"))
	require.NoError(t, err)
	require.LessOrEqual(t, len(found), 1)
	for _, path := range found {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		tail := make([]byte, r.IntN(40_000)) // the fragment that was being written
		if i := bytes.LastIndex(b, []byte("WPfragmt")); i > 8 {
			copy(tail, b[i-8:])
		}
		cut := r.IntN(len(tail) + 1)
		if r.IntN(2) == 0 {
			clear(tail[cut:])
		} else {
			tail = tail[:cut]
		}
		if len(tail) > 100 {
			tail[r.IntN(100)] ^= 0x55
		}
		require.NoError(t, os.WriteFile(path, append(b, tail...), 0o644))
	}
}

func index(t *testing.T, s *media.Store) string {
	return fmt.Sprint(s.Recorded("gate", noon, noon.AddDate(1, 0, 0)), s.Stats().Files, s.Stats().Bytes)
}

// playable has the newest segment read by a player that is not ours.
func playable(t *testing.T, dir string) {
	newest := ""
	require.NoError(t, filepath.WalkDir(filepath.Join(dir, "recordings"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".mp4") && path > newest {
			newest = path
		}
		return err
	}))
	out, err := exec.Command("ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", newest).CombinedOutput()
	require.NoError(t, err, string(out))
}
