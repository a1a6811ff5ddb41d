// Package vision owns what is seen: frames, detections, tracks, and the
// sightings that rules make of them. It is pure Go: decoding and detecting are
// done by leaves (vision/avcodec, vision/detect) behind the interfaces here.
//
// It says what happens where and never who it is: there is no appearance
// embedding, no face, plate or person identification. It refuses to queue:
// when the CPU is too slow it analyses fewer frames and counts the rest. A
// decoder that fails is reset at the next key unit; a detector that fails is
// reported and the camera goes on without it.
package vision

import (
	"time"

	"github.com/watchpost-edge/watchpost/ingest"
)

// Class is what a detected object is.
type Class string

// Classes that rules may name.
const (
	Person     Class = "person"
	Bicycle    Class = "bicycle"
	Car        Class = "car"
	Motorcycle Class = "motorcycle"
	Bus        Class = "bus"
	Truck      Class = "truck"
)

// Point is a place in a picture, 0..1 of its width and height from the top left.
type Point struct{ X, Y float64 }

// Box is an upright rectangle in a picture, 0..1 of its width and height.
type Box struct{ X, Y, W, H float64 }

// Foot is the middle of the lower edge: where the object stands.
func (b Box) Foot() Point { return Point{b.X + b.W/2, b.Y + b.H} }

// Frame is one decoded picture, planar YUV 4:2:0. It never leaves vision. The
// planes are borrowed from the decoder: they are valid until the function that
// was given the frame returns.
type Frame struct {
	Camera        ingest.CameraID
	Run           uint32
	PTS           int64 // ticks of ingest.ClockRate
	Received      time.Time
	Captured      time.Time
	Key           bool
	Bytes         int     // of its unit
	Width, Height int     // pixels
	SAR           float64 // width of a pixel over its height, as the stream says; 0 is 1
	FullRange     bool    // luma 0..255 (JPEG) instead of 16..235
	Y, U, V       []byte
	StrideY       int // bytes per row
	StrideU       int
	StrideV       int
}

// Aspect is the width of what is shown over its height.
func (f *Frame) Aspect() float64 {
	return f.PixelAspect() * float64(f.Width) / float64(max(f.Height, 1))
}

// PixelAspect is SAR where it can be believed, else 1.
func (f *Frame) PixelAspect() float64 {
	if f.SAR < 0.25 || f.SAR > 4 {
		return 1
	}
	return f.SAR
}

// Detection is one box in one frame.
type Detection struct {
	Class Class
	Score float64 // 0..1
	Box   Box
}

// Phase of a sighting: one stay is one sighting, raised once, updated, ended.
type Phase string

// Phases.
const (
	Raised  Phase = "raised"
	Updated Phase = "updated"
	Ended   Phase = "ended"
)

// Sighting is a rule that was met on a camera.
type Sighting struct {
	ID         string // ULID, the same in all phases
	Phase      Phase
	Camera     ingest.CameraID
	Rule       string
	Kind       string // intrusion, tripwire, …: contracts.md
	Zone, Line string
	Direction  string
	Track      uint64
	Class      Class
	Priority   string // P0..P3, of the rule
	From, To   time.Time
	Confidence float64 // 0..1
	Box        Box
	Count      int       // crowd: how many at most; counting: how many so far
	Snapshot   []byte    // JPEG with the box drawn; nil in updated, unless it is a better one, and in ended
	FrameAt    time.Time // Captured of the frame that met the rule
	ReceivedAt time.Time // Received of that frame's unit: for the latency

	draw bool // a snapshot is wanted
}
