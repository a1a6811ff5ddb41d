package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const analyzeConfig = `
station: {id: t, box: a, name: t}
data: {dir: %DIR%}
cameras:
  - id: gate
    name: gate
    streams: {main: "rtsp://127.0.0.1/main"}
    analyze: {enabled: true, fps: 5, objects: [person]}
    zones: {yard: [[0.0,0.1],[1.0,0.1],[1.0,1.0],[0.0,1.0]]}
    rules: [{name: yard, kind: intrusion, zone: yard, schedule: "22:00-06:00"}]
`

// people cuts six seconds out of PETS09, without encoding it again.
func people(t *testing.T, dir string) string {
	t.Helper()
	source := "/usr/share/doc/opencv-doc/examples/data/vtest.avi"
	if _, err := os.Stat(source); err != nil {
		packed, err := exec.Command("gunzip", "-c", source+".gz").Output()
		require.NoError(t, err, "vtest.avi of Debian's opencv-doc")
		source = filepath.Join(dir, "all.avi")
		require.NoError(t, os.WriteFile(source, packed, 0o600))
	}
	path := filepath.Join(dir, "people.avi")
	msg, err := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-i", source, "-t", "6", "-c", "copy", path).CombinedOutput()
	require.NoError(t, err, string(msg))
	return path
}

func TestAnalyzeGivesTheSameForTheSame(t *testing.T) {
	dir := t.TempDir()
	cfg := filepath.Join(dir, "station.yaml")
	require.NoError(t, os.WriteFile(cfg, bytes.ReplaceAll([]byte(analyzeConfig), []byte("%DIR%"), []byte(dir)), 0o600))
	video := people(t, dir)
	once := func(name string, more ...string) (mot, events []byte, said string) {
		var out bytes.Buffer
		args := append([]string{"analyze", "-config", cfg, "-camera", "gate", "-video", video,
			"-mot", filepath.Join(dir, name+".txt"), "-events", filepath.Join(dir, name+".jsonl")}, more...)
		require.NoError(t, command(args, &out, io.Discard))
		mot, err := os.ReadFile(filepath.Join(dir, name+".txt"))
		require.NoError(t, err)
		events, err = os.ReadFile(filepath.Join(dir, name+".jsonl"))
		require.NoError(t, err)
		return mot, events, out.String()
	}
	preview := filepath.Join(dir, "preview.mp4")
	mot, events, said := once("a", "-preview", preview)
	mot2, events2, _ := once("b")
	require.Equal(t, string(mot), string(mot2))
	require.Equal(t, string(events), string(events2))
	require.Regexp(t, `(?m)^\d+,\d+,-?\d+\.\d\d,-?\d+\.\d\d,\d+\.\d\d,\d+\.\d\d,[01]\.\d+,-1,-1,-1$`, string(mot))
	require.Contains(t, said, "pictures")
	lines := 0
	for s := bufio.NewScanner(bytes.NewReader(events)); s.Scan(); lines++ {
		var e map[string]any
		require.NoError(t, json.Unmarshal(s.Bytes(), &e))
		require.Equal(t, "yard", e["rule"])
		require.Equal(t, "intrusion", e["kind"])
		require.Less(t, e["t"], 6.1)
	}
	require.Positive(t, lines, "without -start a schedule does not count")
	require.Contains(t, said, "schedules left out (yard): -start says when the footage begins")
	_, events, _ = once("noon", "-start", "2026-11-22T12:00:00+08:00", "-live")
	require.Empty(t, events, "outside its schedule")

	probed, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "stream=codec_name,nb_frames", "-of", "csv=p=0", preview).Output()
	require.NoError(t, err)
	require.Regexp(t, `^h264,(59|60|61)\n`, string(probed))
}

func TestAnalyzeSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	cfg := filepath.Join(dir, "station.yaml")
	require.NoError(t, os.WriteFile(cfg, bytes.ReplaceAll([]byte(analyzeConfig), []byte("%DIR%"), []byte(dir)), 0o600))
	text := filepath.Join(dir, "text.mp4")
	require.NoError(t, os.WriteFile(text, []byte("no video"), 0o600))
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-config", cfg, "-camera", "nobody", "-video", text}, `-camera "nobody": no such camera; the configuration has gate`},
		{[]string{"-config", cfg, "-camera", "gate"}, "-video is missing"},
		{[]string{"-config", cfg, "-camera", "gate", "-video", filepath.Join(dir, "none.mp4")}, "none.mp4: No such file or directory"},
		{[]string{"-config", cfg, "-camera", "gate", "-video", text}, "text.mp4: Invalid data"},
		{[]string{"-config", cfg, "-camera", "gate", "-video", text, "-start", "noon"}, `-start "noon": write it like`},
	} {
		require.ErrorContains(t, command(append([]string{"analyze"}, c.args...), io.Discard, io.Discard), c.want)
	}
}
