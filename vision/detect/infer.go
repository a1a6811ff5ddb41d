package detect

import (
	"errors"
	"fmt"
	"image"
	"math"

	ort "github.com/yalue/onnxruntime_go"
	"gocv.io/x/gocv"

	"github.com/watchpost-edge/watchpost/vision"
)

// engine finds objects in one frame at a time, on the caller's thread.
type engine interface {
	find(f *vision.Frame, look vision.Look) ([]vision.Detection, error)
	classes() []vision.Class
	close()
}

// network runs a model: the input is filled by the caller, the output is read
// after run.
type network interface {
	input() []float32
	run() ([]float32, error)
	close()
}

// yolox is an engine around a YOLOX model, whoever runs it.
type yolox struct {
	net  network
	side int
	head head
	turn int // of close looks
}

// find looks at the whole frame, and closer at where something small moves.
func (y *yolox) find(f *vision.Frame, look vision.Look) ([]vision.Detection, error) {
	whole := image.Rect(0, 0, f.Width, f.Height)
	out, err := y.part(f, whole, look)
	if err != nil {
		return nil, err
	}
	windows := closeLooks(look.Regions, f.Width, f.Height, y.side, f.PixelAspect())
	if len(windows) > 0 {
		y.turn++
		window := windows[y.turn%len(windows)]
		near, err := y.part(f, window, look)
		if err != nil {
			return nil, err
		}
		out = append(out, inside(near, window, whole)...)
	}
	return suppress(out, y.head.overlap), nil
}

// part looks at one part of the frame; boxes are of the whole.
func (y *yolox) part(f *vision.Frame, at image.Rectangle, look vision.Look) ([]vision.Detection, error) {
	box := fitLetterbox(int(math.Round(float64(at.Dx())*f.PixelAspect())), at.Dy(), y.side)
	bgr, err := partToBGR(f, at, box.width, box.height, look.Masks)
	if err != nil {
		return nil, err
	}
	pixels, err := bgr.DataPtrUint8()
	if err == nil {
		fillInput(y.net.input(), pixels, box)
	}
	bgr.Close()
	if err != nil {
		return nil, err
	}
	rows, err := y.net.run()
	if err != nil {
		return nil, err
	}
	if want := cells(y.side) * y.head.width(); len(rows) != want {
		return nil, fmt.Errorf("model gave %d values, want %d", len(rows), want)
	}
	out := decodeYOLOX(rows, box, y.head, look.MinScore)
	w, h := float64(f.Width), float64(f.Height)
	for i := range out {
		b := &out[i].Box
		b.X, b.W = (float64(at.Min.X)+b.X*float64(at.Dx()))/w, b.W*float64(at.Dx())/w
		b.Y, b.H = (float64(at.Min.Y)+b.Y*float64(at.Dy()))/h, b.H*float64(at.Dy())/h
	}
	return out, nil
}

func (y *yolox) classes() []vision.Class {
	var out []vision.Class
	for _, c := range y.head.columns {
		out = append(out, c.class)
	}
	return out
}

func (y *yolox) close() { y.net.close() }

// ortNet runs a model with ONNX Runtime on one thread.
type ortNet struct {
	session *ort.AdvancedSession
	in, out *ort.Tensor[float32]
}

// openORT loads the library once for the process (onnxruntime_go keeps one
// environment, and unloading it again is not safe while anything of it lives)
// and makes a session.
func openORT(library string, model []byte, shape modelShape) (*ortNet, error) {
	if !ort.IsInitialized() {
		ort.SetSharedLibraryPath(library)
		if err := ort.InitializeEnvironment(ort.WithLogLevelError()); err != nil {
			return nil, fmt.Errorf("load %s: %w", library, err)
		}
	}
	n := &ortNet{}
	if err := n.open(model, shape); err != nil {
		n.close()
		return nil, fmt.Errorf("open model with ONNX Runtime: %w", err)
	}
	return n, nil
}

func (n *ortNet) open(model []byte, shape modelShape) (err error) {
	opts, err := ort.NewSessionOptions()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opts.Destroy()) }()
	if err := errors.Join(opts.SetIntraOpNumThreads(1), opts.SetInterOpNumThreads(1)); err != nil {
		return err
	}
	side := int64(shape.side)
	if n.in, err = ort.NewEmptyTensor[float32](ort.NewShape(1, 3, side, side)); err != nil {
		return err
	}
	if n.out, err = ort.NewEmptyTensor[float32](ort.NewShape(1, int64(cells(shape.side)), int64(headBox+shape.classes))); err != nil {
		return err
	}
	n.session, err = ort.NewAdvancedSessionWithONNXData(model, []string{shape.input}, []string{shape.output},
		[]ort.Value{n.in}, []ort.Value{n.out}, opts)
	return err
}

func (n *ortNet) input() []float32 { return n.in.GetData() }

func (n *ortNet) run() ([]float32, error) {
	if err := n.session.Run(); err != nil {
		return nil, err
	}
	return n.out.GetData(), nil
}

func (n *ortNet) close() {
	if n.session != nil {
		_ = n.session.Destroy() // only frees; has no failure to report
	}
	for _, t := range []*ort.Tensor[float32]{n.in, n.out} {
		if t != nil {
			_ = t.Destroy()
		}
	}
}

// cvNet runs a model with OpenCV's dnn.
type cvNet struct {
	net    gocv.Net
	blob   gocv.Mat
	data   []float32
	result []float32
	name   string
	out    string
}

func openCV(model []byte, shape modelShape) (*cvNet, error) {
	if err := tryWithOpenCV(model, shape.side); err != nil {
		return nil, fmt.Errorf("open model with OpenCV: %w", err)
	}
	net, err := gocv.ReadNetFromONNXBytes(model)
	if err != nil {
		return nil, fmt.Errorf("open model with OpenCV: %w", err)
	}
	n := &cvNet{net: net, name: shape.input, out: shape.output,
		blob: gocv.NewMatWithSizes([]int{1, 3, shape.side, shape.side}, gocv.MatTypeCV32F)}
	if n.data, err = n.blob.DataPtrFloat32(); err != nil {
		n.close()
		return nil, fmt.Errorf("open model with OpenCV: %w", err)
	}
	return n, nil
}

func (n *cvNet) input() []float32 { return n.data }

func (n *cvNet) run() ([]float32, error) {
	n.net.SetInput(n.blob, n.name)
	out := n.net.Forward(n.out)
	defer out.Close()
	rows, err := out.DataPtrFloat32()
	if err != nil {
		return nil, err
	}
	n.result = append(n.result[:0], rows...)
	return n.result, nil
}

func (n *cvNet) close() {
	n.blob.Close()
	n.net.Close()
}
