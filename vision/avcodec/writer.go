package avcodec

// #include <stdlib.h>
// #include <libavcodec/avcodec.h>
// #include <libavformat/avformat.h>
// #include <libavutil/opt.h>
//
// static AVRational ticks(void) { AVRational r = {1, 90000}; return r; }
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// Writer writes pictures into a new video file as H.264; its name says which
// container. It is used by one goroutine.
type Writer struct {
	width, height int
	file          *C.AVFormatContext
	codec         *C.AVCodecContext
	stream        *C.AVStream
	pkt           *C.AVPacket
	frame         *C.AVFrame
	last          int64
	begun         bool
}

// CreateFile begins a file of pictures of width×height (even).
func CreateFile(path string, width, height int) (_ *Writer, err error) {
	w := &Writer{width: width, height: height, pkt: C.av_packet_alloc(), frame: C.av_frame_alloc()}
	defer func() {
		if err != nil {
			w.free()
			err = fmt.Errorf("create video %s: %w", path, err)
		}
	}()
	C.av_log_set_level(C.AV_LOG_QUIET)
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	if code := C.avformat_alloc_output_context2(&w.file, nil, nil, name); code < 0 {
		return nil, lavError(code)
	}
	if err := w.open(); err != nil {
		return nil, err
	}
	if code := C.avio_open(&w.file.pb, name, C.AVIO_FLAG_WRITE); code < 0 {
		return nil, lavError(code)
	}
	if code := C.avformat_write_header(w.file, nil); code < 0 {
		return nil, lavError(code)
	}
	return w, nil
}

func (w *Writer) open() error {
	enc := C.avcodec_find_encoder(C.AV_CODEC_ID_H264)
	if enc == nil {
		return errors.New("libavcodec has no H.264 encoder here")
	}
	w.codec = C.avcodec_alloc_context3(enc)
	c := w.codec
	c.width, c.height, c.pix_fmt = C.int(w.width), C.int(w.height), C.AV_PIX_FMT_YUV420P
	c.time_base = C.ticks()
	c.thread_count = 1
	if w.file.oformat.flags&C.AVFMT_GLOBALHEADER != 0 {
		c.flags |= C.AV_CODEC_FLAG_GLOBAL_HEADER
	}
	for key, value := range map[string]string{"preset": "veryfast", "crf": "24"} {
		k, v := C.CString(key), C.CString(value)
		C.av_opt_set(c.priv_data, k, v, 0) // another encoder than libx264 has defaults of its own
		C.free(unsafe.Pointer(k))
		C.free(unsafe.Pointer(v))
	}
	if code := C.avcodec_open2(c, enc, nil); code < 0 {
		return lavError(code)
	}
	w.frame.width, w.frame.height, w.frame.format = c.width, c.height, C.int(c.pix_fmt)
	if code := C.av_frame_get_buffer(w.frame, 0); code < 0 {
		return lavError(code)
	}
	w.stream = C.avformat_new_stream(w.file, nil)
	if w.stream == nil {
		return errors.New("no memory for a stream")
	}
	w.stream.time_base = c.time_base
	if code := C.avcodec_parameters_from_context(w.stream.codecpar, c); code < 0 {
		return lavError(code)
	}
	return nil
}

// Write adds a picture (planar YUV 4:2:0 without gaps) at pts, in ticks of
// ingest.ClockRate. One that does not come after the last is left out.
func (w *Writer) Write(i420 []byte, pts int64) error {
	if w.begun && pts <= w.last {
		return nil
	}
	if err := fillFrame(w.frame, i420, w.width, w.height); err != nil {
		return err
	}
	w.frame.pts, w.last, w.begun = C.int64_t(pts), pts, true
	return w.encode(w.frame)
}

// encode feeds a picture, or the end, and writes what comes out.
func (w *Writer) encode(f *C.AVFrame) error {
	if code := C.avcodec_send_frame(w.codec, f); code < 0 {
		return fmt.Errorf("encode picture: %w", lavError(code))
	}
	for {
		code := C.avcodec_receive_packet(w.codec, w.pkt)
		if code == C.AVERROR_EOF || code == -C.EAGAIN {
			return nil
		}
		if code < 0 {
			return fmt.Errorf("encode picture: %w", lavError(code))
		}
		C.av_packet_rescale_ts(w.pkt, w.codec.time_base, w.stream.time_base)
		w.pkt.stream_index = w.stream.index
		if code := C.av_interleaved_write_frame(w.file, w.pkt); code < 0 {
			return fmt.Errorf("write picture: %w", lavError(code))
		}
	}
}

// Close finishes the file and frees all memory.
func (w *Writer) Close() error {
	defer w.free()
	if err := w.encode(nil); err != nil {
		return err
	}
	if code := C.av_write_trailer(w.file); code < 0 {
		return fmt.Errorf("finish video: %w", lavError(code))
	}
	return nil
}

func (w *Writer) free() {
	C.avcodec_free_context(&w.codec)
	C.av_packet_free(&w.pkt)
	C.av_frame_free(&w.frame)
	if w.file != nil {
		C.avio_closep(&w.file.pb)
		C.avformat_free_context(w.file)
		w.file = nil
	}
}
