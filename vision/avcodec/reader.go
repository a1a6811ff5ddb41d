package avcodec

// #include <stdlib.h>
// #include <libavcodec/bsf.h>
// #include <libavformat/avformat.h>
//
// static AVStream *stream_at(AVFormatContext *f, int i) { return f->streams[i]; }
import "C"

import (
	"bytes"
	stdcontext "context"
	"errors"
	"fmt"
	"io"
	"time"
	"unsafe"

	"github.com/watchpost-edge/watchpost/ingest"
)

// Reader cuts a video file into units, in decoding order. It is used by one
// goroutine. Whatever libavformat opens is taken; of what is no H.264, H.265 or
// MJPEG the units are for its Decoder only.
type Reader struct {
	camera   ingest.CameraID
	start    time.Time
	file     *C.AVFormatContext
	stream   *C.AVStream
	annexB   *C.AVBSFContext // nil: packets are taken as they are
	pkt      *C.AVPacket
	params   *ingest.Params
	first    int64 // PTS of the first unit
	begun    bool
	frame    int64 // ticks of a picture, where packets have no time
	next     int64
	turned   int  // quarters clockwise that it is to be shown by
	hidden   bool // pictures before the first are there to be predicted from
	timeless bool // packets do not say when their pictures are shown
}

// OpenFile opens the video stream of a file that players show. Its first picture is
// captured and received at start, the others in their intervals.
func OpenFile(path string, camera ingest.CameraID, start time.Time) (_ *Reader, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("open video %s: %w", path, err)
		}
	}()
	C.av_log_set_level(C.AV_LOG_QUIET)
	name := C.CString("file:" + path)
	defer C.free(unsafe.Pointer(name))
	r := &Reader{camera: camera, start: start, pkt: C.av_packet_alloc()}
	if code := C.avformat_open_input(&r.file, name, nil, nil); code < 0 {
		r.Close()
		return nil, lavError(code)
	}
	if err := r.open(); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (r *Reader) open() error {
	if code := C.avformat_find_stream_info(r.file, nil); code < 0 {
		return lavError(code)
	}
	i := C.av_find_best_stream(r.file, C.AVMEDIA_TYPE_VIDEO, -1, -1, nil, 0)
	if i < 0 {
		return errors.New("no video in it")
	}
	r.stream = C.stream_at(r.file, i)
	r.turned = r.quarters()
	par := r.stream.codecpar
	r.params = &ingest.Params{Width: int(par.width), Height: int(par.height), FPS: ratio(r.stream.avg_frame_rate)}
	if r.params.FPS > 0 {
		r.frame = int64(ingest.ClockRate/r.params.FPS + 0.5)
	}
	switch par.codec_id {
	case C.AV_CODEC_ID_H264:
		r.params.Codec = ingest.H264
		return r.filter("h264_mp4toannexb")
	case C.AV_CODEC_ID_HEVC:
		r.params.Codec = ingest.H265
		return r.filter("hevc_mp4toannexb")
	case C.AV_CODEC_ID_MJPEG:
		r.params.Codec = ingest.MJPEG
	default:
		r.params.Codec = ingest.Codec(C.GoString(C.avcodec_get_name(par.codec_id)))
	}
	return nil
}

// filter makes Annex B of what stands in MP4 and its kin.
func (r *Reader) filter(name string) error {
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	if code := C.av_bsf_alloc(C.av_bsf_get_by_name(c), &r.annexB); code < 0 {
		return lavError(code)
	}
	if code := C.avcodec_parameters_copy(r.annexB.par_in, r.stream.codecpar); code < 0 {
		return lavError(code)
	}
	r.annexB.time_base_in = r.stream.time_base
	if code := C.av_bsf_init(r.annexB); code < 0 {
		return lavError(code)
	}
	return nil
}

func ratio(r C.AVRational) float64 {
	if r.den == 0 {
		return 0
	}
	return float64(r.num) / float64(r.den)
}

// Params is what is known before the first unit: parameter sets are not.
func (r *Reader) Params() *ingest.Params { return r.params }

// Frames is how many pictures the file says to have; 0 when it does not.
func (r *Reader) Frames() int {
	if n := int(r.stream.nb_frames); n > 0 {
		return n
	}
	return int(float64(r.file.duration) / C.AV_TIME_BASE * r.params.FPS)
}

// Next is the next unit, or io.EOF.
func (r *Reader) Next(ctx stdcontext.Context) (*ingest.Unit, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		ok, err := r.packet()
		if err != nil {
			return nil, err
		}
		if ok {
			u := r.unit()
			C.av_packet_unref(r.pkt)
			return u, nil
		}
	}
}

// packet gets the next packet of the stream into pkt, or tells that there is
// none yet.
func (r *Reader) packet() (bool, error) {
	code := C.av_read_frame(r.file, r.pkt)
	if code == C.AVERROR_EOF {
		return false, io.EOF
	}
	if code < 0 {
		return false, fmt.Errorf("read video: %w", lavError(code))
	}
	if r.pkt.stream_index != r.stream.index || r.pkt.size == 0 {
		C.av_packet_unref(r.pkt)
		return false, nil
	}
	r.hidden = r.hidden || r.pkt.flags&C.AV_PKT_FLAG_DISCARD != 0
	if r.annexB == nil {
		return true, nil
	}
	if code := C.av_bsf_send_packet(r.annexB, r.pkt); code < 0 {
		return false, fmt.Errorf("read video: %w", lavError(code))
	}
	return C.av_bsf_receive_packet(r.annexB, r.pkt) >= 0, nil
}

// unit copies the packet: units live on.
func (r *Reader) unit() *ingest.Unit {
	data := C.GoBytes(unsafe.Pointer(r.pkt.data), r.pkt.size)
	u := &ingest.Unit{Camera: r.camera, Run: 1, Key: r.pkt.flags&C.AV_PKT_FLAG_KEY != 0, Params: r.params}
	if annexB(r.params.Codec) {
		u.NALs = r.split(data)
	} else {
		u.NALs = [][]byte{data}
	}
	u.Params = r.params
	for _, n := range u.NALs {
		u.Bytes += len(n)
	}
	u.PTS, u.DTS = r.times()
	u.Captured = r.start.Add(time.Duration(u.PTS) * (time.Second / 10_000) / (ingest.ClockRate / 10_000))
	u.Received = u.Captured
	return u
}

// times of the packet in ticks from the first picture that is shown.
func (r *Reader) times() (pts, dts int64) {
	clock := C.AVRational{num: 1, den: ingest.ClockRate}
	at := func(v C.int64_t) int64 { return int64(C.av_rescale_q(v, r.stream.time_base, clock)) }
	r.timeless = r.timeless || r.pkt.pts == C.AV_NOPTS_VALUE
	if r.pkt.pts == C.AV_NOPTS_VALUE && r.pkt.dts == C.AV_NOPTS_VALUE {
		pts, r.next = r.next, r.next+r.frame
		return pts, pts
	}
	if r.pkt.pts == C.AV_NOPTS_VALUE {
		r.pkt.pts = r.pkt.dts
	}
	if r.pkt.dts == C.AV_NOPTS_VALUE {
		r.pkt.dts = r.pkt.pts
	}
	pts, dts = at(r.pkt.pts), at(r.pkt.dts)
	if !r.begun {
		r.begun, r.first = true, pts
		if r.stream.start_time != C.AV_NOPTS_VALUE {
			r.first = at(r.stream.start_time)
		}
	}
	r.next = pts - r.first + r.frame
	return pts - r.first, dts - r.first
}

// split takes Annex B apart as a camera's source does: parameter sets go to
// Params, delimiters and filler are left out.
func (r *Reader) split(data []byte) [][]byte {
	p := *r.params
	var out [][]byte
	for _, part := range bytes.Split(data, []byte{0, 0, 1}) {
		n := bytes.TrimRight(part, "\x00")
		if len(n) == 0 {
			continue
		}
		switch kind := nalKind(r.params.Codec, n); kind {
		case nalVPS:
			p.VPS = n
		case nalSPS:
			p.SPS = n
		case nalPPS:
			p.PPS = n
		case nalPadding:
		default:
			out = append(out, n)
		}
	}
	if !same(&p, r.params) {
		r.params = &p
	}
	return out
}

type kind int

const (
	nalOther kind = iota
	nalVPS
	nalSPS
	nalPPS
	nalPadding // delimiters and filler
)

// nalKind reads the header of a NAL unit (H.264 table 7-1, H.265 table 7-1).
func nalKind(c ingest.Codec, n []byte) kind {
	if c == ingest.H264 {
		switch n[0] & 0x1f {
		case 7:
			return nalSPS
		case 8:
			return nalPPS
		case 9, 12:
			return nalPadding
		}
		return nalOther
	}
	switch n[0] >> 1 & 0x3f {
	case 32:
		return nalVPS
	case 33:
		return nalSPS
	case 34:
		return nalPPS
	case 35, 38:
		return nalPadding
	}
	return nalOther
}

// Close frees all memory.
func (r *Reader) Close() {
	C.av_bsf_free(&r.annexB)
	C.avformat_close_input(&r.file)
	C.av_packet_free(&r.pkt)
}
