// Package detect looks at frames with OpenCV (gocv) and ONNX Runtime: motion,
// snapshots with masks burnt in, and objects.
//
// It owns one object detector for the whole box, chosen at start: ONNX
// Runtime, else OpenCV's dnn with the same model, else OpenCV's HOG people
// detector, which is always there. A model that is not what was expected is
// refused before any library sees it. It refuses to queue: a frame whose turn
// does not come within Options.Wait is ErrBusy. Masks are black before
// anything looks. All Mats are freed before a call returns, or by Close.
package detect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/watchpost-edge/watchpost/vision"
)

// Backends.
const (
	Auto        = "auto"
	ONNXRuntime = "onnxruntime"
	DNN         = "dnn"
	HOG         = "hog"
)

const (
	defaultWait   = 80 * time.Millisecond
	modelBytesMax = 512 << 20
)

// Options of the object detector, as in the configuration's section detector.
type Options struct {
	Backend string   // auto, onnxruntime, dnn, hog; "" is auto
	Model   string   // a bare name is looked for in Dirs
	SHA256  string   // of the model, hex; "" is not checked
	Library string   // ONNX Runtime; a bare name is looked for in Dirs, then by the loader
	Dirs    []string // MODELS_DIR, data.dir/models; empty ones are left out
	Wait    time.Duration
	// Classes are what the model finds, in its order; none are COCO's 80.
	Classes  []string
	MinScore float64 // 0..1: the model's detections below are left out
	Overlap  float64 // 0..1: from which two boxes are one object; 0 is 0.45
}

// Info is what was chosen, and why nothing better.
type Info struct {
	Backend string
	Model   string // path; "" with hog
	SHA256  string // of the model
	Library string // with onnxruntime
	Why     string // why better backends were not taken; "" when the best was
	Classes []vision.Class
}

// Detector is shared by all cameras.
type Detector struct {
	engine  engine
	turns   turns
	wait    time.Duration
	skipped atomic.Uint64
}

var _ vision.ObjectDetector = (*Detector)(nil)

// Open chooses a backend. With auto a missing library or model leads to the
// next best; a model that is there and is not the one expected is an error all
// the same. A backend that was asked for by name is taken or an error.
func Open(o Options) (*Detector, Info, error) {
	oneThread()
	o.Dirs = slices.DeleteFunc(slices.Clone(o.Dirs), func(dir string) bool { return dir == "" })
	if o.Wait <= 0 {
		o.Wait = defaultWait
	}
	e, info, err := choose(o)
	if err != nil {
		return nil, Info{}, fmt.Errorf("open object detector: %w", err)
	}
	info.Classes = e.classes()
	return &Detector{engine: e, wait: o.Wait}, info, nil
}

func choose(o Options) (engine, Info, error) {
	switch o.Backend {
	case "", Auto, ONNXRuntime, DNN:
	case HOG:
		h, err := openHOG()
		return h, Info{Backend: HOG}, err
	default:
		return nil, Info{}, fmt.Errorf("backend %q: want %s, %s, %s or %s", o.Backend, Auto, ONNXRuntime, DNN, HOG)
	}
	auto := o.Backend == "" || o.Backend == Auto
	path, data, err := readModel(o)
	if errors.Is(err, fs.ErrNotExist) && auto {
		h, herr := openHOG()
		return h, Info{Backend: HOG, Why: err.Error()}, herr
	}
	if err != nil {
		return nil, Info{}, err
	}
	reads, err := headOf(o.Classes, o.MinScore, o.Overlap)
	if err != nil {
		return nil, Info{}, err
	}
	shape, err := checkModel(data, reads.classes)
	if err != nil {
		return nil, Info{}, fmt.Errorf("model %s: %w", path, err)
	}
	sum := sha256.Sum256(data)
	info := Info{Model: path, SHA256: hex.EncodeToString(sum[:])}
	var why []string
	if auto || o.Backend == ONNXRuntime {
		library := locate(o.Library, o.Dirs)
		n, err := openORT(library, data, shape)
		if err == nil {
			info.Backend, info.Library = ONNXRuntime, library
			return &yolox{net: n, side: shape.side, head: reads}, info, nil
		}
		if !auto {
			return nil, Info{}, err
		}
		why = append(why, err.Error())
	}
	n, err := openCV(data, shape)
	if err == nil {
		info.Backend, info.Why = DNN, strings.Join(why, "; ")
		return &yolox{net: n, side: shape.side, head: reads}, info, nil
	}
	if !auto {
		return nil, Info{}, err
	}
	h, herr := openHOG()
	return h, Info{Backend: HOG, Why: strings.Join(append(why, err.Error()), "; ")}, herr
}

// locate finds a bare name in dirs; what is not there is left to the loader.
func locate(name string, dirs []string) string {
	if name == "" {
		name = "libonnxruntime.so.1"
	}
	if path, ok := search(name, dirs); ok {
		return path
	}
	return name
}

func search(name string, dirs []string) (string, bool) {
	if strings.ContainsRune(name, filepath.Separator) {
		return name, true
	}
	for _, dir := range dirs {
		if path := filepath.Join(dir, name); isFile(path) {
			return path, true
		}
	}
	return "", false
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

// readModel reads the model once, so that what was checked is what runs.
func readModel(o Options) (string, []byte, error) {
	if o.Model == "" {
		return "", nil, fmt.Errorf("no model configured: %w", fs.ErrNotExist)
	}
	path, ok := search(o.Model, o.Dirs)
	if !ok {
		return "", nil, fmt.Errorf("model %s, looked for in %q: %w", o.Model, o.Dirs, fs.ErrNotExist)
	}
	st, err := os.Stat(path)
	if err != nil {
		return "", nil, fmt.Errorf("model: %w", err)
	}
	if st.Size() > modelBytesMax {
		return "", nil, fmt.Errorf("model %s: %d bytes, at most %d are taken", path, st.Size(), modelBytesMax)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", nil, fmt.Errorf("model: %w", err)
	}
	sum := sha256.Sum256(data)
	if got := hex.EncodeToString(sum[:]); o.SHA256 != "" && !strings.EqualFold(got, strings.TrimPrefix(o.SHA256, "sha256:")) {
		return "", nil, fmt.Errorf("model %s: SHA-256 is %s, want %s", path, got, o.SHA256)
	}
	return path, data, nil
}

// Detect implements vision.ObjectDetector.
func (d *Detector) Detect(ctx context.Context, f *vision.Frame, look vision.Look) ([]vision.Detection, error) {
	if err := d.turns.take(ctx, look.Priority, d.wait); err != nil {
		if errors.Is(err, vision.ErrBusy) {
			d.skipped.Add(1)
		}
		return nil, err
	}
	defer d.turns.give()
	dets, err := d.engine.find(f, look)
	if err != nil {
		return nil, fmt.Errorf("find objects on camera %s: %w", f.Camera, err)
	}
	return dets, nil
}

// Classes implements vision.ObjectDetector.
func (d *Detector) Classes() []vision.Class { return d.engine.classes() }

// Skipped is how many frames did not get their turn.
func (d *Detector) Skipped() uint64 { return d.skipped.Load() }

// Close waits for the frame that is being looked at and frees the model. The
// detector must not be used afterwards.
func (d *Detector) Close() {
	_ = d.turns.take(context.Background(), "P0", math.MaxInt64)
	d.engine.close()
}
