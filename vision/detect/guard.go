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

// oneThread keeps OpenCV from using the cores that ingest needs.
func oneThread() { C.wp_one_thread() }
