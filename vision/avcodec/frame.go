package avcodec

// #include <libavutil/frame.h>
// #include <libavutil/pixdesc.h>
import "C"

import (
	"bytes"
	"errors"
	"fmt"
	"unsafe"

	"github.com/watchpost-edge/watchpost/vision"
)

// taken tells whether pictures of that format are taken as they are.
func taken(format C.int) bool {
	switch format {
	case C.AV_PIX_FMT_YUV420P, C.AV_PIX_FMT_YUVJ420P, C.AV_PIX_FMT_YUV422P, C.AV_PIX_FMT_YUVJ422P, C.AV_PIX_FMT_GRAY8:
		return true
	}
	return false
}

// borrow describes the decoded picture without copying its planes.
func (d *Decoder) borrow(p *C.AVFrame) (*vision.Frame, error) {
	if !taken(p.format) {
		return nil, fmt.Errorf("%w: %s, want yuv420p, yuvj420p, yuv422p, yuvj422p or gray",
			ErrPixelFormat, C.GoString(C.av_get_pix_fmt_name(int32(p.format))))
	}
	f := &vision.Frame{
		Camera: d.camera, Run: d.run, PTS: int64(p.pts), SAR: ratio(p.sample_aspect_ratio),
		Width: int(p.width), Height: int(p.height), FullRange: p.color_range == C.AVCOL_RANGE_JPEG,
		StrideY: int(p.linesize[0]), StrideU: int(p.linesize[1]), StrideV: int(p.linesize[2]),
	}
	chromaRows := (f.Height + 1) / 2
	f.Y = plane(p.data[0], f.StrideY, f.Height)
	switch p.format {
	case C.AV_PIX_FMT_GRAY8:
		f.StrideU, f.StrideV = (f.Width+1)/2, (f.Width+1)/2
		if n := f.StrideU * chromaRows; len(d.grey) < n {
			d.grey = bytes.Repeat([]byte{128}, n)
		}
		f.U, f.V = d.grey, d.grey
	case C.AV_PIX_FMT_YUVJ420P:
		f.FullRange = true
	case C.AV_PIX_FMT_YUVJ422P:
		f.FullRange = true
		fallthrough
	case C.AV_PIX_FMT_YUV422P: // every second chroma row makes it 4:2:0
		f.StrideU, f.StrideV = 2*f.StrideU, 2*f.StrideV
	}
	if f.U == nil {
		f.U, f.V = plane(p.data[1], f.StrideU, chromaRows), plane(p.data[2], f.StrideV, chromaRows)
	}
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
