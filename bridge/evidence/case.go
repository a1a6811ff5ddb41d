package evidence

import (
	"context"
	"io"
	"iter"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Case is what goes into a bundle. The order of its lists is the order in the
// bundle; the same case gives the same bytes.
type Case struct {
	Incident string
	Station  string
	Box      string
	Version  string // of the program
	Made     bridge.Stamp
	By       string // who exports
	Reason   string
	Drill    bool

	// Events are the incident's events whole and, where the caller wants the
	// chain without a gap, those in between as Event.Withheld: within each
	// epoch and lane by ascending sequence. It is ranged over twice and gives
	// the same both times. Extract makes it out of a journal.
	Events iter.Seq2[bridge.Event, error]
	// Heads is where each lane ended when the bundle was made: at or after the
	// last of its events.
	Heads []Head

	Clips       []Clip
	Snapshots   []File // stills of sightings
	Attachments []File // pictures and papers of reports
	Receipts    []Receipt
	Clocks      []Clock
	Custody     []Custody
	Missing     []Missing // what belongs to the incident and is not kept any more

	// Unmasked says who let the originals of masked clips go along. Without it
	// no clip may be Original.
	Unmasked *Unmasking
}

// Unmasking is the decision of two people that a bundle holds pictures as they
// were before masks were burnt in.
type Unmasking struct {
	By       string       `json:"by"` // who asked
	Reason   string       `json:"reason"`
	Second   string       `json:"second"` // who approved
	Approval string       `json:"approval"`
	At       bridge.Stamp `json:"at"`
	Event    string       `json:"event"` // id of the access.unmasked in the journal, written before the first byte
}

// Opener opens a file from its start. An error that is fs.ErrNotExist puts
// the file on the list of what is missing; any other ends Write.
type Opener func(context.Context) (io.ReadSeekCloser, error)

// Clip is a part of a clip: an ordinary MP4 file.
type Clip struct {
	ID             string
	Part           string
	Camera         string
	From, To       bridge.Stamp // presented, box time
	WantedFrom     bridge.Stamp
	Gaps           []Gap
	OffsetMS       float64 // of the camera's clock against the box's
	UncertaintyMS  float64 // of From and To
	Masked         bool
	Original       bool   // it is the sealed recording before masks
	OriginalSHA256 string // hex, of the recording before masks; may be empty
	Open           Opener
}

// Gap is a stretch that a clip does not show.
type Gap struct {
	From bridge.Stamp `json:"from"`
	To   bridge.Stamp `json:"to"`
	Why  string       `json:"why,omitempty"`
}

// File is a still, a picture or a paper. SHA256 is what the journal recorded
// of it, in hex; empty when it recorded nothing.
type File struct {
	Name   string // with its extension
	SHA256 string
	Camera string
	At     bridge.Stamp
	Open   Opener
}

// Head is the end of a lane.
type Head struct {
	Epoch    string      `json:"epoch"`
	Lane     bridge.Lane `json:"lane"`
	Sequence uint64      `json:"sequence"`
	Hash     string      `json:"hash"`
}

// Receipt is the way of one event on one uplink.
type Receipt struct {
	Event    string      `json:"event"`
	Epoch    string      `json:"epoch"`
	Lane     bridge.Lane `json:"lane"`
	Sequence uint64      `json:"sequence"`
	bridge.Delivery
}

// Clock is what was measured of a device's clock: at At it was OffsetMS ahead
// of the box's, give or take UncertaintyMS.
type Clock struct {
	Device        string       `json:"device"`
	At            bridge.Stamp `json:"at"`
	OffsetMS      float64      `json:"offset_ms"`
	UncertaintyMS float64      `json:"uncertainty_ms"`
	How           string       `json:"how,omitempty"` // how it was measured
}

// Custody is one time that somebody had the incident's pictures in hand.
type Custody struct {
	At     bridge.Stamp `json:"at"`
	By     string       `json:"by"`
	What   string       `json:"what"` // looked, exported, unmasked…
	Of     string       `json:"of"`   // camera, clip, interval
	Reason string       `json:"reason,omitempty"`
	Second string       `json:"second,omitempty"` // who agreed
	Event  string       `json:"event,omitempty"`  // id in the journal
}

// Missing is what belongs to the incident and is not in the bundle.
type Missing struct {
	What   string `json:"what"`
	Why    string `json:"why"`
	SHA256 string `json:"sha256,omitempty"` // as recorded
}
