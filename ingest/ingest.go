// Package ingest owns what devices at the station say: access units of
// cameras, presses of alarm pillars and telemetry of drones, each as the type
// that the rest of the box works on. It decides nothing and stores nothing.
//
// # Time
//
// There are three clocks: the camera's (RTP timestamps and RTCP sender
// reports), the box's wall clock and the box's monotonic clock. None of them
// is believed alone. A Unit carries all that is known about its instant:
//
//   - PTS is the camera's clock, in ticks of 90 kHz. It only compares with the
//     PTS of units of the same Run: whenever timestamps do not continue (a
//     reconnect, a jump), Run grows by one and PTS starts anew. A Run begins
//     with a key unit. A wrap of RTP time is no jump.
//   - Received is the box's clock when the unit was whole. It holds Go's
//     monotonic reading: differences between two Received are true intervals.
//   - Captured is the best estimate, on the box's clock, of when the picture
//     was taken, and Uncertainty is how wrong it may be.
//
// Intervals, limits and ages use the monotonic clock; what people read uses
// the wall clock. A step of the box's clock changes neither an interval nor
// the order of units.
//
// # Where the clocks disagree
//
// How long a picture was on its way is arrival minus the camera's time. The
// least of that over the last minute is taken for the constant part (exposure,
// encoding, the network at its best); what is above it is lag, and Captured is
// arrival minus lag. So Captured is as smooth as the camera's own clock.
//
//   - Sender reports present: the delay is measured over the camera's wall
//     clock too, which holds over a reconnect. The offset between the clocks
//     and its drift are known, and shown for each camera.
//   - Absent: over RTP time alone; offset unknown, drift by arrivals. For the
//     first two seconds of a Run Uncertainty says that a session may begin with
//     old pictures.
//   - Absurd (before 2000, after 2200, or about an RTP time a minute away):
//     refused and counted; what was known goes on.
//   - The camera's wall clock is set: seen as lag that its RTP time does not
//     have, or the other way round. The one with less lag is right, since a
//     clock can make delay appear but not vanish. Counted; Captured stays.
//   - RTP time jumps within a group of pictures: PTS goes on as pictures arrive
//     until the next key unit, where a new Run begins; nothing is lost. A gap
//     that has also passed on the box's clock is a gap and no jump.
//   - RTP time stands still or counts in another unit: PTS is the arrival until
//     the session ends.
//   - The box's clock is set: all of the above is on the monotonic clock, so
//     only the wall clock reading of Received and Captured moves.
//
// Sound is put on the pictures' PTS by sender reports where both have them,
// else by when each was captured; it then runs by its own samples until it is
// off by more than lips can hide.
//
// The tests of ingest/rtsp (clock_test.go, units_test.go) say each of these.
package ingest

import (
	"context"
	"encoding/json"
	"time"
)

// ClockRate is the rate of Unit.PTS in ticks per second (RFC 6184, section 5.1).
const ClockRate = 90000

// CameraID names one camera of the station, as in the configuration.
type CameraID string

// Codec is the compression of a camera's video or sound.
type Codec string

// Codecs of the pictures that a camera may send.
const (
	H264  Codec = "h264"
	H265  Codec = "h265"
	MJPEG Codec = "mjpeg"
)

// Codecs of sound. G.711 comes out of here as LPCM.
const (
	AAC  Codec = "aac"
	LPCM Codec = "lpcm" // signed 16 bit, big endian, channels interleaved
)

// Audio tells sound from pictures.
func (c Codec) Audio() bool { return c == AAC || c == LPCM }

// Params is what a decoder must know before the first Unit: the parameter
// sets and what they say. It never changes after it was made: a change of
// resolution is another Params, and its first Unit is a key unit. All NAL
// units are without start code.
type Params struct {
	Codec  Codec
	VPS    []byte // H.265 only
	SPS    []byte // H.264 and H.265
	PPS    []byte
	Width  int     // pixels
	Height int     // pixels
	FPS    float64 // pictures per second as the SPS says; 0 when it does not

	Config     []byte // AAC only: the AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1)
	SampleRate int    // sound only: samples per second and channel
	Channels   int    // sound only
}

// Unit is one access unit: the compressed data of one picture, or a stretch of
// sound. Units are immutable and shared by all readers without copying.
//
// Sound has Params.Codec.Audio(), is never Key, and comes on the Run of the
// pictures around it, PTS on the same scale. Only a reader that asked for it
// gets it.
type Unit struct {
	Camera      CameraID
	Params      *Params  // in force for this unit
	Run         uint32   // grows by one whenever PTS does not continue
	PTS         int64    // presentation time, ticks of ClockRate within Run
	DTS         int64    // decoding time, ticks of ClockRate within Run
	Key         bool     // random access: decoding can start here
	NALs        [][]byte // MJPEG: one whole JPEG file; AAC: one raw access unit; LPCM: one stretch of samples
	Samples     int      // sound only: samples per channel in this unit
	Bytes       int      // sum of the sizes of NALs
	Received    time.Time
	Captured    time.Time
	Uncertainty time.Duration
}

// PressKind is what was pressed at a pillar.
type PressKind string

// Kinds of presses.
const (
	PressAlarm  PressKind = "alarm"  // P0
	PressDuress PressKind = "duress" // P0, silent at the pillar
	PressTalk   PressKind = "talk"   // P1
	PressTamper PressKind = "tamper" // P1
	PressTest   PressKind = "test"   // a drill
)

// Press is one press of a pillar's button, as the pillar reported it.
type Press struct {
	Pillar   string
	ID       string // the pillar's own event id
	Kind     PressKind
	At       time.Time // by the pillar's clock; zero when it has none
	AtText   string    // At exactly as the pillar wrote it: part of the key
	Seq      uint64
	Replayed bool
	Received time.Time
}

// PressResult is the box's answer to a press.
type PressResult struct {
	Result   string // stored, duplicate, rejected
	Reason   string // with rejected
	Incident string // with stored and duplicate
}

// PillarStatus is a pillar's retained status, or its Will.
type PillarStatus struct {
	Pillar    string    `json:"pillar"`
	Online    bool      `json:"online"`
	At        time.Time `json:"at"`
	BatteryMV *int      `json:"battery_mv,omitempty"`
	RSSIdBm   *int      `json:"rssi_dbm,omitempty"`
	Firmware  string    `json:"firmware,omitempty"`
	Tampered  bool      `json:"tampered"`
}

// MarshalJSON writes the time as all times are written: UTC, milliseconds.
func (s PillarStatus) MarshalJSON() ([]byte, error) {
	type plain PillarStatus
	return json.Marshal(struct {
		plain
		At string `json:"at"`
	}{plain(s), Stamp(s.At)})
}

// Stamp writes a time as all JSON of the box does.
func Stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

// Position is a point in WGS 84, degrees.
type Position struct {
	Lat float64 `json:"lat" yaml:"lat"`
	Lon float64 `json:"lon" yaml:"lon"`
}

// Telemetry is one report of where a drone is and how it is: the last known
// value of each field. A nil field is not known.
type Telemetry struct {
	Drone      string    `json:"drone"`
	At         time.Time `json:"at"` // box time of the newest part
	Position   *Position `json:"position,omitempty"`
	AltMSLm    *float64  `json:"alt_msl_m,omitempty"`   // metres above mean sea level
	HeightM    *float64  `json:"height_m,omitempty"`    // metres above take-off
	HeadingDeg *float64  `json:"heading_deg,omitempty"` // degrees clockwise from true north
	SpeedMPS   *float64  `json:"speed_mps,omitempty"`   // over ground
	ClimbMPS   *float64  `json:"climb_mps,omitempty"`   // up is positive
	BatteryPct *float64  `json:"battery_pct,omitempty"`
	VoltageMV  *int      `json:"voltage_mv,omitempty"`
	RollDeg    *float64  `json:"roll_deg,omitempty"`
	PitchDeg   *float64  `json:"pitch_deg,omitempty"`
	Armed      *bool     `json:"armed,omitempty"`
	Mode       string    `json:"mode,omitempty"`
	VideoURI   string    `json:"video_uri,omitempty"`
}

// MarshalJSON writes the time as all times are written: UTC, milliseconds.
func (t Telemetry) MarshalJSON() ([]byte, error) {
	type plain Telemetry
	return json.Marshal(struct {
		plain
		At string `json:"at"`
	}{plain(t), Stamp(t.At)})
}

// Source is a device that delivers until its context ends or it fails.
type Source interface {
	// Run makes one attempt: it connects, delivers and returns when ctx ends
	// (nil) or when the attempt failed (the reason). All its goroutines have
	// ended when it returns.
	Run(ctx context.Context) error
}
