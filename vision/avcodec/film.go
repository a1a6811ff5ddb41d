package avcodec

// #cgo pkg-config: libswscale
// #cgo LDFLAGS: -lm
// #include <math.h>
// #include <libavcodec/avcodec.h>
// #include <libavformat/avformat.h>
// #include <libavutil/display.h>
// #include <libavutil/pixdesc.h>
// #include <libswscale/swscale.h>
//
// // quarters is how many quarter turns clockwise a stream is to be shown by.
// static int quarters(AVStream *s) {
//	uint8_t *m = av_stream_get_side_data(s, AV_PKT_DATA_DISPLAYMATRIX, NULL);
//	double by = m ? av_display_rotation_get((int32_t *)m) : 0; // counterclockwise
//	return by != by ? 0 : (int)lround(-by / 90) & 3;
// }
// static int is_rgb(int f) { return (av_pix_fmt_desc_get(f)->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) != 0; }
// static int is_full(int f) { return f == AV_PIX_FMT_YUVJ444P || f == AV_PIX_FMT_YUVJ440P || f == AV_PIX_FMT_YUVJ411P; }
import "C"

import (
	"errors"
	"unsafe"

	"github.com/watchpost-edge/watchpost/vision"
)

// Decoder decodes what the reader reads, as players show it: in any codec and
// pixel format, upright, without what an edit list leaves out, and in order
// where a file has no times of presentation. It must not be used after the
// reader was closed.
func (r *Reader) Decoder() *Decoder { return &Decoder{film: r, waiting: true} }

// quarters is how many quarter turns clockwise it is to be shown by.
func (r *Reader) quarters() int { return int(C.quarters(r.stream)) }

// plain makes planar YUV 4:2:0 of 8 bits of whatever the decoder gave.
type plain struct {
	sws   *C.struct_SwsContext
	frame *C.AVFrame
}

func (p *plain) convert(from *C.AVFrame) (*C.AVFrame, error) {
	if p.frame == nil {
		p.frame = C.av_frame_alloc()
	}
	to := p.frame
	if to == nil {
		return nil, errors.New("no memory for a frame")
	}
	C.av_frame_unref(to)
	to.width, to.height, to.format = from.width, from.height, C.AV_PIX_FMT_YUV420P
	if C.is_full(from.format) != 0 {
		to.format = C.AV_PIX_FMT_YUVJ420P
	}
	if code := C.av_frame_get_buffer(to, 0); code < 0 {
		return nil, lavError(code)
	}
	p.sws = C.sws_getCachedContext(p.sws, from.width, from.height, int32(from.format), to.width, to.height, int32(to.format), C.SWS_AREA, nil, nil, nil)
	if p.sws == nil {
		return nil, errors.New("libswscale does not convert it")
	}
	C.sws_scale(p.sws, (**C.uint8_t)(unsafe.Pointer(&from.data[0])), &from.linesize[0], 0, from.height, &to.data[0], &to.linesize[0])
	to.pts, to.color_range, to.sample_aspect_ratio = from.pts, from.color_range, from.sample_aspect_ratio
	if C.is_rgb(from.format) != 0 {
		to.color_range = C.AVCOL_RANGE_MPEG
	}
	return to, nil
}

func (p *plain) free() {
	C.sws_freeContext(p.sws)
	C.av_frame_free(&p.frame)
	p.sws = nil
}

// turn is the frame by so many quarters clockwise, in planes of its own.
func turn(f *vision.Frame, quarters int, room []byte) []byte {
	w, h := f.Width, f.Height
	cw, ch := (w+1)/2, (h+1)/2
	n, c := w*h, cw*ch
	if len(room) < n+2*c {
		room = make([]byte, n+2*c)
	}
	f.Y = turnPlane(room[:n], f.Y, f.StrideY, w, h, quarters)
	f.U = turnPlane(room[n:n+c], f.U, f.StrideU, cw, ch, quarters)
	f.V = turnPlane(room[n+c:n+2*c], f.V, f.StrideV, cw, ch, quarters)
	if quarters%2 == 1 {
		f.Width, f.Height, w, cw = h, w, h, ch
		if f.SAR > 0 {
			f.SAR = 1 / f.SAR
		}
	}
	f.StrideY, f.StrideU, f.StrideV = w, cw, cw
	return room
}

func turnPlane(dst, src []byte, stride, w, h, quarters int) []byte {
	for y := range h {
		row := src[y*stride : y*stride+w]
		at, step := y*w, 1
		switch quarters {
		case 1:
			at, step = h-1-y, h
		case 2:
			at, step = (h-y)*w-1, -1
		case 3:
			at, step = (w-1)*h+y, -h
		}
		for _, v := range row {
			dst[at] = v
			at += step
		}
	}
	return dst
}
