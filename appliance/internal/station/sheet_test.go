package station

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
)

// A table is taken whole or not at all, and what was taken is there at the
// next start, passwords apart and readable by nobody else.
func TestCamerasAreImported(t *testing.T) {
	b := newBench(t)
	file := []byte("station: {id: a}\ndata: {dir: " + b.dir + "}\ncameras: [{id: gate, streams: {main: \"rtsp://10.0.0.1/a\"}}]")
	cfg, err := config.Parse(file, b.dir, config.Supported{})
	require.NoError(t, err)
	b.cfg = cfg
	s := &sheets{station: b.Station}
	by := desk.Actor{Name: "zhou", Role: "admin"}
	_, err = s.Import(t.Context(), []byte("id,main\ncam-1,rtsp://10.0.0.2/a\ncam-2,nowhere\n"), false, by)
	var wrong wall.SheetProblems
	require.ErrorAs(t, err, &wrong)
	for _, inward := range []string{"rtsp://127.0.0.1/a", "rtsp://localhost:8554/a", "rtsp://169.254.169.254/latest"} {
		_, err = s.Import(t.Context(), []byte("id,main\ncam-1,"+inward+"\n"), false, by)
		require.ErrorAs(t, err, &wrong, inward)
		require.Contains(t, wrong[0].Where, "main")
	}
	require.NoFileExists(t, cfg.ImportedPath())
	require.Empty(t, s.findings())

	change, err := s.Import(t.Context(), []byte("id,main,password\ncam-1,rtsp://10.0.0.2/a,secret\ncam-2,rtsp://10.0.0.3/a,\n"), false, by)
	require.NoError(t, err)
	require.Equal(t, wall.SheetChange{Added: []string{"cam-1", "cam-2"}, Restart: true}, change)
	require.Len(t, s.findings(), 1)
	info, err := os.Stat(cfg.SecretPath("cam-1"))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	info, err = os.Stat(filepath.Dir(cfg.SecretPath("cam-1")))
	require.NoError(t, err)
	require.EqualValues(t, 0o700, info.Mode().Perm(), "also while a file in it is not its own yet, and after a kill then")
	table := func(password string) []byte {
		return []byte("id,main,password\ncam-1,rtsp://10.0.0.2/a," + password + "\n")
	}
	require.Equal(t, s.Asked(table("one")), s.Asked(table("two")), "of passwords only that there is one")
	require.NotEqual(t, s.Asked(table("one")), s.Asked(table("")))
	require.NotContains(t, string(s.Asked(table("secret"))), "secret")
	require.Empty(t, s.Asked([]byte("no table")))
	out, err := s.Export()
	require.NoError(t, err)
	require.NotContains(t, string(out), "secret")
	change, err = s.Import(t.Context(), out, true, by)
	require.NoError(t, err)
	require.Empty(t, change.Added, "what was exported changes nothing")
	change, err = s.Import(t.Context(), []byte("id,main\ncam-2,rtsp://10.0.0.9/a\n"), true, by)
	require.NoError(t, err)
	require.Equal(t, []string{"cam-1"}, change.Removed)
	require.Equal(t, []string{"cam-2"}, change.Changed)
	require.NoFileExists(t, cfg.SecretPath("cam-1"))

	again, err := config.Parse(file, b.dir, config.Supported{})
	require.NoError(t, err)
	require.Len(t, again.Cameras, 2)
	require.Equal(t, "rtsp://10.0.0.9/a", again.Cameras[1].Streams.Main)
}
