package vision

import (
	"context"
	"errors"

	"github.com/watchpost-edge/watchpost/ingest"
)

// ErrBusy is returned by an ObjectDetector that had no free turn in time: the
// frame is skipped and counted, never queued.
var ErrBusy = errors.New("object detector busy")

// Decoder turns one camera's units into frames. It is used by one goroutine.
type Decoder interface {
	// Decode feeds one unit and calls each for every picture that comes out;
	// the frame is valid until each returns, and must not be written to: the
	// decoder predicts from it. After an error, or a unit that does not follow
	// on the one before (Run, Params), it waits for the next key unit and
	// gives nothing until then.
	Decode(u *ingest.Unit, each func(*Frame) error) error
	// Reset forgets what was fed: the next key unit starts anew.
	Reset()
	// Close frees all memory. The decoder must not be used afterwards.
	Close()
}

// Motion is what differs from how the place has looked lately.
type Motion struct {
	Regions []Box   // where, largest first
	Changed float64 // share of the picture, 0..1
	// Stands says that the picture is as it was a second or more ago: what
	// differs from the memory of the place came and stands, or has left.
	Stands bool
	View   View
}

// MotionDetector compares a camera's frames. It is used by one goroutine.
type MotionDetector interface {
	// Look takes the next frame. The first frame has no motion.
	Look(f *Frame) (Motion, error)
	// Settle has the frame that was looked at last be what the next one is
	// compared with: what is left in memory of who went by is forgotten.
	Settle()
	// Close frees all memory.
	Close()
}

// Look says how a frame is to be looked at.
type Look struct {
	Masks    [][]Point // polygons that are black before anything looks
	MinScore float64   // detections below are left out
	Regions  []Box     // where something moved or is tracked; a slow detector looks only there
	Priority string    // P0..P3 of the camera's most urgent rule: who is looked at next
}

// ObjectDetector finds objects in frames. One is shared by all cameras: its
// methods may be called from many goroutines, and inference is serialised.
type ObjectDetector interface {
	// Detect finds the objects in one frame. It waits a bounded time for its
	// turn, the higher priority before the lower, and then returns ErrBusy.
	Detect(ctx context.Context, f *Frame, look Look) ([]Detection, error)
	// Classes is what it can find.
	Classes() []Class
}

// Still is how a snapshot is drawn.
type Still struct {
	Masks [][]Point
	Box   *Box // drawn when not nil
}

// Snapshotter makes a JPEG of a frame. Its method may be called from many
// goroutines.
type Snapshotter interface {
	Snapshot(f *Frame, s Still) ([]byte, error)
}
