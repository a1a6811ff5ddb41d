package detect

// #cgo pkg-config: opencv4
// #cgo CXXFLAGS: -std=c++11
// #include "guard.h"
import "C"

import (
	"errors"
	"strings"
	"unsafe"
)

// tryWithOpenCV finds out whether OpenCV can carry the model: where it cannot
// it throws, and gocv lets that end the process.
func tryWithOpenCV(model []byte, side int) error {
	var why [512]C.char
	if C.wp_try_onnx(unsafe.Pointer(&model[0]), C.size_t(len(model)), C.int(side), &why[0], C.size_t(len(why))) != 0 {
		return errors.New(strings.Join(strings.Fields(C.GoString(&why[0])), " "))
	}
	return nil
}

// hogFoundMax bounds the windows taken from one crop.
const hogFoundMax = 64

// window is where OpenCV's people detector fired, pixels of its picture.
type window struct{ x, y, w, h, weight float64 }

// peopleDetector is OpenCV's. gocv v0.31 has it too, but hands it weights that
// are freed already, and no distances.
type peopleDetector struct{ p unsafe.Pointer }

func newPeopleDetector() (peopleDetector, error) {
	p := C.wp_hog_new()
	if p == nil {
		return peopleDetector{}, errors.New("OpenCV has no people detector")
	}
	return peopleDetector{p}, nil
}

func (d peopleDetector) find(bgr []byte, w, h int) ([]window, error) {
	var rows [5 * hogFoundMax]C.float
	n := C.wp_hog_find(d.p, unsafe.Pointer(&bgr[0]), C.int(w), C.int(h), hogHit, hogShrink, hogGroup, &rows[0], hogFoundMax)
	if n < 0 {
		return nil, errors.New("OpenCV's people detector failed")
	}
	out := make([]window, n)
	for i := range out {
		r := rows[5*i : 5*i+5]
		out[i] = window{float64(r[0]), float64(r[1]), float64(r[2]), float64(r[3]), float64(r[4])}
	}
	return out, nil
}

func (d peopleDetector) close() { C.wp_hog_free(d.p) }

// oneThread keeps OpenCV from using the cores that ingest needs.
func oneThread() { C.wp_one_thread() }
