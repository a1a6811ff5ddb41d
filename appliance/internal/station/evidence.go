package station

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/evidence"
)

const (
	casePage     = 500    // records read at a time
	caseLinksMax = 20_000 // records between an incident's own that go along without data, for a chain without a gap
)

// Export writes a signed bundle of an incident that the room holds (wall's
// exporter).
func (s *Station) Export(ctx context.Context, want wall.Bundle, w io.Writer) error {
	b := &caseBuilder{s: s, id: want.Incident, unmask: want.Unmasked, own: map[string]bool{}, stills: map[string]bool{}, looks: map[string]int{}}
	if err := b.gather(ctx); err != nil {
		return fmt.Errorf("gather evidence of %s: %w", want.Incident, err)
	}
	b.c.By, b.c.Reason, b.c.Unmasked = want.By, want.Reason, unmaskedBy(want)
	return evidence.Write(ctx, w, b.c, s.signer)
}

// caseBuilder looks through the journal once for what belongs to an incident:
// its own events, what people above said of them, what became of its clips and
// its cameras, and who looked.
type caseBuilder struct {
	s         *Station
	id        string
	unmask    *desk.Approval // by which the originals of masked clips go along; nil: none do
	c         evidence.Case
	inc       *desk.Incident
	parts     map[string]*desk.Incident // by id: it, and those that were merged into it
	alerts    []*desk.Alert
	clips     []*desk.Clip
	after, to uint64 // places
	from      time.Time
	own       map[string]bool // ids of events that go in whole
	stills    map[string]bool // hashes
	looks     map[string]int  // looks that are open → index in custody
}

func (b *caseBuilder) gather(ctx context.Context) error {
	s := b.s
	place, err := s.desk.View(ctx, func(state *desk.State) {
		b.inc, b.alerts, b.clips = state.Incident(b.id), state.AlertsOf(b.id), state.ClipsOf(b.id)
		b.parts = partsOf(state, b.inc)
	})
	if err != nil {
		return err
	}
	if b.inc == nil {
		return &desk.NotFoundError{What: "incident", ID: b.id}
	}
	b.to, b.from = place, b.inc.OccurredAt.Time
	b.c = evidence.Case{
		Incident: b.id, Station: s.cfg.Station.ID, Box: s.cfg.Station.Box, Version: s.version, Made: bridge.At(time.Now()), Drill: b.inc.Drill,
	}
	if err := b.begin(); err != nil {
		return err
	}
	b.pictures()
	if err := b.scan(ctx); err != nil {
		return err
	}
	b.c.Events = b.events()
	b.c.Heads, err = evidence.Heads(s.journal)
	return err
}

// begin finds the place before the incident's first event. One that lies in
// an older epoch cannot be read here, nor one that retention has removed: the
// bundle has what is left, and says so.
func (b *caseBuilder) begin() error {
	after := uint64(math.MaxUint64)
	for _, one := range b.parts {
		first, err := b.s.receipts.event(&one.History[0])
		if err != nil {
			return err
		}
		if first == nil {
			b.c.Missing = append(b.c.Missing, evidence.Missing{
				What: "the incident's first events", Why: "they are in an older epoch of the journal, or not kept any more",
			})
			b.after = b.s.journal.Low()
			return nil
		}
		after = min(after, one.History[0].Place-1)
	}
	b.after = after
	return nil
}

// partsOf are an incident and those that were merged into it, also by way of
// another.
func partsOf(state *desk.State, inc *desk.Incident) map[string]*desk.Incident {
	parts := map[string]*desk.Incident{}
	if inc == nil {
		return parts
	}
	parts[inc.ID] = inc
	for found := true; found; {
		found = false
		for _, one := range state.Incidents() {
			if parts[one.ID] == nil && parts[one.MergedInto] != nil {
				parts[one.ID], found = one, true
			}
		}
	}
	return parts
}

// clipIs reports whether a clip of that id was made for one of the parts.
func (b *caseBuilder) clipIs(id string) bool {
	return len(id) > ulid.EncodedSize && id[ulid.EncodedSize] == '-' && b.parts[id[:ulid.EncodedSize]] != nil
}

// pictures lists clips and stills; of what is not kept the manifest says why.
func (b *caseBuilder) pictures() {
	for _, a := range b.alerts {
		b.still(&b.c.Snapshots, a.Snapshot, a.Device, a.From)
	}
	clocks := map[string]bool{}
	for _, c := range b.clips {
		if c.From.Before(b.from) {
			b.from = c.From.Time
		}
		sum := strings.TrimPrefix(c.SHA256, "sha256:")
		if c.Evicted != "" {
			b.c.Missing = append(b.c.Missing, evidence.Missing{What: "clip " + c.ID + " part " + c.Part, Why: c.Evicted, SHA256: sum})
			continue
		}
		one := evidence.Clip{
			ID: c.ID, Part: c.Part, Camera: c.Camera, From: c.From, To: c.To, WantedFrom: c.WantedFrom, OffsetMS: c.OffsetMS, UncertaintyMS: c.UncertaintyMS,
			Masked: c.Masked, OriginalSHA256: strings.TrimPrefix(c.Original, "sha256:"), Open: b.s.openClip(c.ID, c.Part),
		}
		for _, g := range c.Gaps {
			one.Gaps = append(one.Gaps, evidence.Gap{From: g.From, To: g.To, Why: g.Why})
		}
		b.c.Clips = append(b.c.Clips, one)
		b.original(c, one)
		// A clip records the box's clock minus the camera's.
		clock := evidence.Clock{Device: c.Camera, At: c.ReadyAt, OffsetMS: c.OffsetMS, UncertaintyMS: c.UncertaintyMS, How: "RTCP sender reports, while clip " + c.ID + " was recorded"}
		if !clocks[c.ID] {
			clocks[c.ID] = true
			b.c.Clocks = append(b.c.Clocks, clock)
		}
	}
}

func (s *Station) openClip(id, part string) evidence.Opener {
	return func(context.Context) (io.ReadSeekCloser, error) {
		ready, err := s.cutter.Part(id, part)
		if errors.Is(err, media.ErrNotFound) {
			return nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
		}
		if err != nil {
			return nil, err
		}
		return os.Open(ready.Path)
	}
}

// still puts a picture on one of the bundle's lists, once.
func (b *caseBuilder) still(list *[]evidence.File, hash, camera string, at bridge.Stamp) {
	if hash == "" || b.stills[hash] {
		return
	}
	b.stills[hash] = true
	store := b.s.store
	*list = append(*list, evidence.File{
		Name: hash + ".jpg", SHA256: hash, Camera: camera, At: at,
		Open: func(context.Context) (io.ReadSeekCloser, error) {
			jpeg, err := store.Snapshot(hash)
			if errors.Is(err, media.ErrNotFound) {
				return nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
			}
			return inMemory{bytes.NewReader(jpeg)}, err
		},
	})
}

type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

func (b *caseBuilder) scan(ctx context.Context) error {
	for at := b.after; at < b.to; {
		if err := ctx.Err(); err != nil {
			return err
		}
		records, err := b.s.journal.Read(at, int(min(casePage, b.to-at)))
		if err != nil {
			return fmt.Errorf("read journal after %d: %w", at, err)
		}
		if len(records) == 0 {
			return nil
		}
		for i := range records {
			at = records[i].Place
			if !b.belongs(&records[i].Event) {
				continue
			}
			b.own[records[i].Event.ID] = true
			if err := b.receipts(&records[i].Event); err != nil {
				return err
			}
		}
	}
	return nil
}

// belongs reports whether an event is of the incident, and takes from it what
// the bundle lists besides.
func (b *caseBuilder) belongs(e *bridge.Event) bool {
	kind, id, _ := strings.Cut(e.Subject, "/")
	switch kind {
	case "incidents":
		if b.parts[id] != nil {
			b.sighted(e)
		}
		return b.parts[id] != nil
	case "clips":
		return b.clipIs(id)
	case "tasks":
		return b.ordered(e)
	case "alerts":
		return slices.Contains(b.inc.Alerts, id)
	case "events":
		return b.own[id]
	case "devices":
		return slices.Contains(b.inc.Cameras, id) && b.clocked(e, id)
	case "users":
		return b.handled(e)
	}
	return false
}

// sighted notes the stills of an alert that later ones have taken the place of.
func (b *caseBuilder) sighted(e *bridge.Event) {
	var data struct {
		Snapshot string             `json:"snapshot"`
		Sighting *desk.SightingFact `json:"sighting"`
	}
	if !strings.HasPrefix(e.Type, "watchpost.alert.") || json.Unmarshal(e.Data, &data) != nil {
		return // another event, or erased by law
	}
	b.still(&b.c.Snapshots, data.Snapshot, "", e.Time)
	if data.Sighting != nil {
		b.still(&b.c.Snapshots, data.Sighting.Snapshot, data.Sighting.Camera, data.Sighting.From)
	}
}

// ordered reports whether an event is of one of the incident's orders, and
// notes the pictures of a report.
func (b *caseBuilder) ordered(e *bridge.Event) bool {
	var data struct {
		Incident string   `json:"incident"`
		Pictures []string `json:"pictures"`
	}
	if json.Unmarshal(e.Data, &data) != nil || b.parts[data.Incident] == nil {
		return false // another incident's, or erased by law
	}
	for _, hash := range data.Pictures {
		b.still(&b.c.Attachments, hash, "", e.Time)
	}
	return true
}

// clocked notes a measured clock. What else became of the incident's cameras
// meanwhile belongs to it too: when one was gone, covered or moved.
func (b *caseBuilder) clocked(e *bridge.Event, camera string) bool {
	if b.ended(e.RecordedTime.Time) {
		return false
	}
	var data desk.DeviceChanged
	if e.Type == desk.TypeDeviceClock && json.Unmarshal(e.Data, &data) == nil {
		b.c.Clocks = append(b.c.Clocks, evidence.Clock{
			Device: camera, At: e.RecordedTime, OffsetMS: data.OffsetMS, UncertaintyMS: data.UncertaintyMS, How: "as recorded",
		})
	}
	return true
}

// ended reports whether the incident was closed by then.
func (b *caseBuilder) ended(at time.Time) bool {
	return !b.inc.ClosedAt.IsZero() && at.After(b.inc.ClosedAt.Time)
}

func (b *caseBuilder) receipts(e *bridge.Event) error {
	if !e.Lane.Forwarded() {
		return nil
	}
	sequence, err := bridge.SequenceNumber(e.Sequence)
	if err != nil {
		return err
	}
	ways, err := b.s.receipts.judged(e)
	if err != nil {
		return err
	}
	for _, d := range ways {
		b.c.Receipts = append(b.c.Receipts, evidence.Receipt{Event: e.ID, Epoch: e.Epoch, Lane: e.Lane, Sequence: sequence, Delivery: d})
	}
	return nil
}

// events are the incident's, whole, and the links between them. Who else
// logged in and looked meanwhile is nobody's business: of lane local only the
// incident's own go.
func (b *caseBuilder) events() iter.Seq2[bridge.Event, error] {
	all := evidence.Extract(b.s.journal, b.after, b.to, caseLinksMax, func(e *bridge.Event) bool { return b.own[e.ID] })
	return func(yield func(bridge.Event, error) bool) {
		for e, err := range all {
			if err == nil && e.Lane == bridge.Local && !b.own[e.ID] {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}
