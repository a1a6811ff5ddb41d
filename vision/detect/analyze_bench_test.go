package detect_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/vision"
	"github.com/watchpost-edge/watchpost/vision/detect"
	"github.com/watchpost-edge/watchpost/vision/internal/clearmot"
	"github.com/watchpost-edge/watchpost/vision/internal/footage"
)

// BenchmarkAnalyze scores what the program itself writes: `watchpost analyze
// -mot -events` over the first 400 pictures of PETS09 S2.L1, for each backend
// twice, and fails when the same footage gives not the same bytes.
func BenchmarkAnalyze(b *testing.B) {
	there := truth(b)
	want := counted(there, petsFrames)
	dir := b.TempDir()
	program := filepath.Join(dir, "watchpost")
	msg, err := exec.Command("go", "build", "-o", program, "../../appliance").CombinedOutput()
	require.NoError(b, err, string(msg))
	video := filepath.Join(dir, "pets.avi")
	msg, err = exec.Command("ffmpeg", "-nostdin", "-v", "error", "-i", footage.Pedestrians(b), "-frames:v", fmt.Sprint(petsFrames), "-c", "copy", video).CombinedOutput()
	require.NoError(b, err, string(msg))
	for _, backend := range []string{detect.ONNXRuntime, detect.DNN, detect.HOG} {
		b.Run(backend, func(b *testing.B) {
			for range b.N {
				began := time.Now()
				mot, events := analyzed(b, program, video, backend)
				took := time.Since(began)
				again, eventsAgain := analyzed(b, program, video, backend)
				require.True(b, bytes.Equal(mot, again), "the same footage gives other tracks")
				require.True(b, bytes.Equal(events, eventsAgain), "the same footage gives other sightings")
				got, err := clearmot.Read(bytes.NewReader(mot))
				require.NoError(b, err)
				s := clearmot.Evaluate(there, got, petsFrames)
				b.ReportMetric(s.MOTA(), "MOTA")
				b.ReportMetric(s.Precision(), "precision")
				b.ReportMetric(s.Recall(), "recall")
				b.ReportMetric(float64(s.Switches), "switches")
				b.ReportMetric(took.Seconds()*1000/petsFrames, "ms/picture")
				b.ReportMetric(0, "ns/op")
				b.Logf("%s; counted %v, by the truth %v", s, raised(b, events), want)
			}
		})
	}
}

// analyzed runs the program with the scene's rules and returns what it wrote.
func analyzed(b *testing.B, program, video, backend string) (mot, events []byte) {
	dir := b.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	model := filepath.Join(footage.ModelsDir(), "yolox_nano.onnx")
	require.NoError(b, os.WriteFile(path("station.yaml"), []byte(station(dir, backend, model)), 0o600))
	cmd := exec.Command(program, "analyze", "-config", path("station.yaml"), "-camera", "pets", "-video", video, "-mot", path("mot.txt"), "-events", path("events.jsonl"))
	cmd.Env = append(os.Environ(), "MODELS_DIR="+footage.ModelsDir())
	msg, err := cmd.CombinedOutput()
	require.NoError(b, err, string(msg))
	require.Contains(b, string(msg), "objects: "+backend)
	mot, err = os.ReadFile(path("mot.txt"))
	require.NoError(b, err)
	events, err = os.ReadFile(path("events.jsonl"))
	require.NoError(b, err)
	return mot, events
}

// station is a configuration with the rules of pets.
func station(dir, backend, model string) string {
	cfg := pets()
	var s strings.Builder
	fmt.Fprintf(&s, "station: {id: t, box: a, name: t}\ndata: {dir: %s}\ndetector: {backend: %s, model: %s}\ncameras:\n", dir, backend, model)
	fmt.Fprintf(&s, "  - id: pets\n    name: pets\n    streams: {main: \"rtsp://127.0.0.1/main\"}\n    analyze: {enabled: true, fps: 5, objects: [person]}\n    zones:\n")
	at := func(p vision.Point) string { return fmt.Sprintf("[%g, %g]", p.X, p.Y) }
	for name, zone := range cfg.Zones {
		var points []string
		for _, p := range zone {
			points = append(points, at(p))
		}
		fmt.Fprintf(&s, "      %s: [%s]\n", name, strings.Join(points, ", "))
	}
	s.WriteString("    lines:\n")
	for name, line := range cfg.Lines {
		fmt.Fprintf(&s, "      %s: {from: %s, to: %s}\n", name, at(line.From), at(line.To))
	}
	s.WriteString("    rules:\n")
	for _, r := range cfg.Rules {
		where := "line: " + r.Line
		if r.Zone != "" {
			where = "zone: " + r.Zone
		}
		fmt.Fprintf(&s, "      - {name: %s, kind: %s, %s}\n", r.Name, r.Kind, where)
	}
	return s.String()
}

// raised counts the sightings of each rule.
func raised(b *testing.B, events []byte) map[string]int {
	out := map[string]int{}
	for lines := bufio.NewScanner(bytes.NewReader(events)); lines.Scan(); {
		var e struct{ Rule string }
		require.NoError(b, json.Unmarshal(lines.Bytes(), &e))
		out[e.Rule]++
	}
	return out
}
