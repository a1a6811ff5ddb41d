package clip

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Clock is how far a camera's clock is ahead of the box's, and how unsure that
// is.
type Clock struct{ Offset, Uncertainty time.Duration }

// clock is what is known now; nil when nothing is.
func (c *Cutter) clock(camera string) *Clock {
	if c.opt.Clock == nil {
		return nil
	}
	var k Clock
	k.Offset, k.Uncertainty = c.opt.Clock(camera)
	return &k
}

// Stamp is what a clip's file says of itself, as JSON in a box of ours (uuid
// 5750636c-6970-7374-8a01-4e2b9c115d04) at the end of moov: whoever has the
// file only knows when it was, how sure that is, and what is missing.
type Stamp struct {
	Camera        string    `json:"camera"`
	From          time.Time `json:"from"` // presented, by the box's clock
	To            time.Time `json:"to"`
	OffsetMS      *float64  `json:"offset_ms,omitempty"` // the camera's clock ahead of the box's
	UncertaintyMS float64   `json:"uncertainty_ms"`
	Gaps          []Gap     `json:"gaps"`
}

func stampID() []byte {
	return []byte{0x57, 0x50, 0x63, 0x6c, 0x69, 0x70, 0x73, 0x74, 0x8a, 0x01, 0x4e, 0x2b, 0x9c, 0x11, 0x5d, 0x04}
}

func (m *Movie) stamp(camera string, clock *Clock) ([]byte, error) {
	s := Stamp{Camera: camera, From: m.From, To: m.To, UncertaintyMS: m.UncertaintyMS, Gaps: m.Gaps}
	if clock != nil {
		s.OffsetMS = &m.OffsetMS
	}
	if s.Gaps == nil {
		s.Gaps = []Gap{}
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("stamp clip of %s: %w", camera, err)
	}
	return b, nil
}

// ETag names the bytes of the movie: the head says where every picture of the
// recording stands and how large it is.
func (m *Movie) ETag() string {
	sum := sha256.Sum256(m.head)
	return hex.EncodeToString(sum[:16])
}
