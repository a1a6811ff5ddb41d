package avcodec

// #include <libavutil/frame.h>
// #include <libavutil/pixdesc.h>
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision"
)

// borrow describes the decoded picture without copying its planes.
func (c *context) borrow(camera ingest.CameraID, run uint32) (*vision.Frame, error) {
	p := c.frame
	f := &vision.Frame{
		Camera: camera, Run: run, PTS: int64(p.pts),
		Width: int(p.width), Height: int(p.height), FullRange: p.color_range == C.AVCOL_RANGE_JPEG,
		StrideY: int(p.linesize[0]), StrideU: int(p.linesize[1]), StrideV: int(p.linesize[2]),
	}
	chromaRows, chromaStep := (f.Height+1)/2, 1
	switch C.int(p.format) {
	case C.AV_PIX_FMT_YUV420P:
	case C.AV_PIX_FMT_YUVJ420P:
		f.FullRange = true
	case C.AV_PIX_FMT_YUV422P:
		chromaStep = 2 // every second chroma row makes it 4:2:0
	case C.AV_PIX_FMT_YUVJ422P:
		f.FullRange, chromaStep = true, 2
	default:
		return nil, fmt.Errorf("%w: %s, want yuv420p, yuvj420p, yuv422p or yuvj422p",
			ErrPixelFormat, C.GoString(C.av_get_pix_fmt_name(int32(p.format))))
	}
	f.StrideU, f.StrideV = f.StrideU*chromaStep, f.StrideV*chromaStep
	f.Y = plane(p.data[0], f.StrideY, f.Height)
	f.U = plane(p.data[1], f.StrideU, chromaRows)
	f.V = plane(p.data[2], f.StrideV, chromaRows)
	if f.Y == nil || f.U == nil || f.V == nil {
		return nil, errors.New("picture without planes")
	}
	return f, nil
}

func plane(p *C.uint8_t, stride, rows int) []byte {
	if p == nil || stride <= 0 || rows <= 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(p)), stride*rows)
}
