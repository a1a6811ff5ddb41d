package detect_test

import (
	"context"
	"encoding/csv"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/vision"
	"github.com/watchpost-edge/watchpost/vision/avcodec"
	"github.com/watchpost-edge/watchpost/vision/detect"
	"github.com/watchpost-edge/watchpost/vision/internal/footage"
)

// truth reads MOTChallenge lines: boxes by frame, from 1.
func truth(t testing.TB, width, height float64) map[int][]vision.Box {
	t.Helper()
	path := footage.Shared("footage", "pets09-s2l1-gt-001-400.txt")
	require.NotEmpty(t, path, "ground truth, see WATCHPOST_SHARED")
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	out := map[int][]vision.Box{}
	for _, row := range rows {
		var v [6]float64
		for i := range v {
			v[i], err = strconv.ParseFloat(row[i], 64)
			require.NoError(t, err)
		}
		out[int(v[0])] = append(out[int(v[0])], vision.Box{X: v[2] / width, Y: v[3] / height, W: v[4] / width, H: v[5] / height})
	}
	return out
}

// hits is how many of the detections lie on a box of the truth each.
func hits(dets []vision.Detection, boxes []vision.Box) int {
	used := make([]bool, len(boxes))
	n := 0
	for _, d := range dets {
		best, at := 0.5, -1
		for i, b := range boxes {
			if v := vision.IoU(d.Box, b); !used[i] && v >= best {
				best, at = v, i
			}
		}
		if at >= 0 {
			used[at] = true
			n++
		}
	}
	return n
}

// BenchmarkPeople prints precision, recall and milliseconds a picture of each
// backend on every 20th of the first 400 pictures of PETS09 S2.L1.
func BenchmarkPeople(b *testing.B) {
	boxes := truth(b, 768, 576)
	path := footage.File(b, footage.Pedestrians(b), []string{"-t", "40"}, "-vf", "fps=10", "-crf", "18")
	units := footage.Units(b, path, 768, 576, 10, time.Now())
	for _, backend := range []string{detect.ONNXRuntime, detect.DNN, detect.HOG} {
		b.Run(backend, func(b *testing.B) {
			objects, _ := open(b, backend)
			for range b.N {
				var found, right, there, looked int
				var spent time.Duration
				d, motion := avcodec.New(avcodec.Options{}), detect.NewMotion(nil)
				for i, u := range units {
					require.NoError(b, d.Decode(u, func(f *vision.Frame) error {
						m, err := motion.Look(f)
						require.NoError(b, err)
						if i%20 != 0 || i == 0 {
							return nil
						}
						began := time.Now()
						dets, err := objects.Detect(context.Background(), f, vision.Look{MinScore: 0.3, Regions: m.Regions})
						dets = slices.DeleteFunc(dets, func(d vision.Detection) bool { return d.Class != vision.Person })
						spent += time.Since(began)
						require.NoError(b, err)
						found, right, there, looked = found+len(dets), right+hits(dets, boxes[i+1]), there+len(boxes[i+1]), looked+1
						return nil
					}))
				}
				d.Close()
				motion.Close()
				b.ReportMetric(float64(right)/float64(max(found, 1)), "precision")
				b.ReportMetric(float64(right)/float64(there), "recall")
				b.ReportMetric(spent.Seconds()*1000/float64(looked), "ms/picture")
			}
		})
	}
}
