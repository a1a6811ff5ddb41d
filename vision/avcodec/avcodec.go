// Package avcodec turns access units into frames with libavcodec (FFmpeg 5.1),
// and files into access units with libavformat.
//
// It owns decoder contexts and nothing else: the planes of a frame are
// borrowed from the decoder without a copy and are valid until the callback
// returns. It refuses pictures that are not 8-bit planar YUV 4:2:0 or 4:2:2
// or grey, and codecs that no camera sends (footage in a file may be in any of
// either: Reader.Decoder). Damaged
// data is an Error; the decoder then waits for the next key unit. All memory is
// C memory: Close frees it.
//
// Decoding runs on the caller's thread and on no other (threads: 1): more
// would hold frames back and fight over the box's cores.
package avcodec

import (
	"errors"
	"fmt"

	"github.com/watchpost-edge/watchpost/ingest"
)

// ErrPixelFormat says that pictures are in a format that is not taken.
var ErrPixelFormat = errors.New("pixel format not supported")

// Error is a failure of libavcodec.
type Error struct {
	Op     string // open, send, receive, frame
	Camera ingest.CameraID
	Err    error
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s decoder of camera %s: %v", e.Op, e.Camera, e.Err)
}
func (e *Error) Unwrap() error { return e.Err }

// Options of a decoder.
type Options struct {
	// SkipLoopFilter leaves the deblocking filter out: 10 to 20 % cheaper on
	// full decoding, slightly blocky. Never for pictures that people see.
	SkipLoopFilter bool
}
