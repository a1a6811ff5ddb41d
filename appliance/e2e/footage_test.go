package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// encoding is held while the files are made: every station needs them.
var encoding sync.Mutex

// footage makes the two cameras' files once and keeps them below .test: the
// yard as the demo has it (configs/demo.yaml says who steps where and when), the gate a later cut of the same footage, so that
// the test needs nothing but Debian's.
func footage(t *testing.T, root string) (yard, gate string) {
	encoding.Lock()
	defer encoding.Unlock()
	list, err := exec.Command("dpkg", "-L", "opencv-doc").Output()
	require.NoError(t, err, "opencv-doc is needed: make deps")
	var vtest string
	for _, line := range strings.Fields(string(list)) {
		if strings.HasSuffix(line, "/vtest.avi") {
			vtest = line
		}
	}
	require.NotEmpty(t, vtest, "opencv-doc has no vtest.avi")
	encode := func(name string, input ...string) string {
		out := filepath.Join(root, ".test", "footage", name)
		if _, err := os.Stat(out); err == nil {
			return out
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(out), 0o755))
		part := strings.TrimSuffix(out, ".mp4") + ".part.mp4"
		args := append(append([]string{"-nostdin", "-v", "error", "-y"}, input...),
			"-an", "-vf", "fps=25", "-c:v", "libx264", "-preset", "veryfast", "-profile:v", "main", "-bf", "0",
			"-g", "50", "-keyint_min", "50", "-sc_threshold", "0", "-b:v", "1500k", "-maxrate", "1500k", "-bufsize", "3M", "-pix_fmt", "yuv420p", part)
		text, err := exec.Command("ffmpeg", args...).CombinedOutput()
		require.NoError(t, err, string(text))
		require.NoError(t, os.Rename(part, out))
		return out
	}
	return encode("yard.mp4", "-ss", "24.4", "-t", "50", "-i", vtest), encode("gate.mp4", "-ss", "40", "-i", vtest)
}
