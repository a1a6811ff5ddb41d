package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge/journal/internal/forgetful"
)

// withFuse says whether there can be a disk that forgets. Where the machine has
// no FUSE this is all that is left to do: it says so, and nothing was shown.
func withFuse(t testing.TB) bool {
	t.Helper()
	err := forgetful.Available()
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		t.Logf("NOT SHOWN HERE: what an unsynced write that is lost does to the journal; there is no FUSE: %v", err)
		return false
	}
	require.NoError(t, err)
	return true
}

func mountForgetful(t testing.TB, o forgetful.Options) (*forgetful.Disk, string) {
	t.Helper()
	dir := t.TempDir()
	o.Dir, o.At = filepath.Join(dir, "disk"), filepath.Join(dir, "at")
	require.NoError(t, os.Mkdir(o.Dir, 0o700))
	require.NoError(t, os.Mkdir(o.At, 0o700))
	disk, err := forgetful.Mount(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, disk.Close()) })
	return disk, o.At
}

// The power goes at seeded points: what was not synced is gone, or half of it.
// Every acknowledged event is there once, in order; the chain is whole.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	if !withFuse(t) {
		return
	}
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 3))
	total, begun := 0, 0
	cuts := 10 * soakFactor(t)
	for range cuts {
		at := 1 + random.IntN([]int{100, 300, 300, 1000}[random.IntN(4)])
		likely := []float64{0, 0.5, 0.95}[random.IntN(3)]
		t.Run(fmt.Sprintf("append,at=%d,likely=%g", at, likely), func(t *testing.T) {
			disk, written := cutPower(t, crashDirEnv, at)
			if dir, ok := afterCut(t, disk, random, likely); ok {
				checkAfterKill(t, dir, point{"cut", int64(at), 0}, written)
				begun++
			} else {
				require.Empty(t, written)
			}
			total += len(written)
		})
		t.Run(fmt.Sprintf("retire,at=%d,likely=%g", at, likely), func(t *testing.T) {
			disk, written := cutPower(t, retireDirEnv, at)
			acknowledged := map[string]uint64{}
			for _, line := range written {
				key, text, _ := strings.Cut(line, " ")
				place, err := strconv.ParseUint(text, 10, 64)
				require.NoError(t, err)
				acknowledged[key] = place
			}
			if dir, ok := afterCut(t, disk, random, likely); ok {
				checkAfterRetiring(t, dir, point{"cut", int64(at), 0}, 0, acknowledged)
				begun++
			} else {
				require.Empty(t, written)
			}
			total += len(written)
		})
	}
	t.Logf("%d cuts, %d journals had begun, %d events acknowledged", 2*cuts, begun, total)
}

// cutPower runs a child on a disk until the power goes, and gives what it
// acknowledged.
func cutPower(t *testing.T, env string, at int) (*forgetful.Disk, []string) {
	t.Helper()
	disk, mount := mountForgetful(t, forgetful.Options{CutAfter: at})
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), env+"="+filepath.Join(mount, "journal"), killEnv+"="+point{"never", 1, 0}.String())
	stdin, err := child.StdinPipe()
	require.NoError(t, err)
	defer stdin.Close()
	var stdout, stderr bytes.Buffer
	child.Stdout, child.Stderr = &stdout, &stderr
	require.NoError(t, child.Start())
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	select {
	case <-disk.Gone():
		_ = child.Process.Kill()
		require.Error(t, <-ended)
	case err := <-ended:
		require.NoError(t, err, "it ended before the power went: %s", stderr.String())
	case <-time.After(deathFor):
		_ = child.Process.Signal(syscall.SIGQUIT) // for its goroutines
		require.NoError(t, <-ended, "it does nothing any more: %s", stderr.String())
	}
	var written []string
	lines := bufio.NewReader(&stdout)
	for line, err := lines.ReadString('\n'); err == nil; line, err = lines.ReadString('\n') {
		written = append(written, strings.TrimSpace(line))
	}
	return disk, written
}

// afterCut is the journal's folder after the power came back; not ok when there
// is none yet.
func afterCut(t *testing.T, disk *forgetful.Disk, random *rand.Rand, likely float64) (string, bool) {
	t.Helper()
	image := filepath.Join(t.TempDir(), "image")
	require.NoError(t, disk.Image(image, random, likely))
	dir := filepath.Join(image, "journal")
	_, err := os.Stat(dir)
	return dir, err == nil
}
