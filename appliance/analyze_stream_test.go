package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	simulated "github.com/watchpost-edge/watchpost/firmware-sim/camera"
	"github.com/watchpost-edge/watchpost/firmware-sim/fault"
)

// TestAnalyzeLooksAtOneSessionOfACamera analyses a stream until the camera is
// switched off, and gives what it saw until then.
func TestAnalyzeLooksAtOneSessionOfACamera(t *testing.T) {
	dir := t.TempDir()
	cfg := filepath.Join(dir, "station.yaml")
	require.NoError(t, os.WriteFile(cfg, bytes.ReplaceAll([]byte(analyzeConfig), []byte("%DIR%"), []byte(dir)), 0o600))
	film := filepath.Join(dir, "film.mp4")
	msg, err := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-i", people(t, dir), "-vf", "scale=384:288", "-pix_fmt", "yuv420p",
		"-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-g", "10", film).CombinedOutput()
	require.NoError(t, err, string(msg))
	loaded, err := simulated.LoadFootage(film)
	require.NoError(t, err)
	quiet := slog.New(slog.DiscardHandler)
	sim := simulated.New(simulated.Config{ID: "gate", Listen: "127.0.0.1:0", Path: "main", Footage: loaded}, fault.NewInjector(1, "gate"), quiet)
	require.NoError(t, sim.Open())
	ctx, off := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { gone <- sim.Run(ctx) }()
	t.Cleanup(func() { off(); <-gone })

	var out bytes.Buffer
	done := make(chan error, 1)
	mot := filepath.Join(dir, "mot.txt")
	go func() {
		done <- command([]string{"analyze", "-config", cfg, "-camera", "gate", "-video", sim.URL(), "-mot", mot}, &out, io.Discard)
	}()
	require.Eventually(t, func() bool { return sim.State().Readers == 1 }, time.Minute, 10*time.Millisecond)
	from := sim.State().Made
	require.Eventually(t, func() bool { return sim.State().Made >= from+100 }, time.Minute, 10*time.Millisecond)
	off()
	require.NoError(t, <-done)
	require.Regexp(t, `(?m)^[1-9]\d* pictures, `, out.String())
	require.NotContains(t, out.String(), "0 shown to the detector (0.0")
	tracks, err := os.ReadFile(mot)
	require.NoError(t, err)
	require.NotEmpty(t, tracks, "somebody walks there all the time")
}
