package desk

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Legal holds: what is held is never evicted.
const (
	TypeHoldPlaced   = "watchpost.hold.placed"
	TypeHoldReleased = "watchpost.hold.released"
)

const (
	holdsMax     = 1000 // at a time: every eviction looks at all of them
	holdSpansMax = 256  // of one hold
	holdLongest  = 31 * 24 * time.Hour
)

// Hold keeps files from eviction. Exactly one of Incident, Clip and Device is
// there: an incident with its clips, stills and the recordings of its clips'
// time; a clip; or what a camera or drone recorded in a time. What it names is
// fixed when it is placed but for clips, which are held by their incident.
type Hold struct {
	ID        string       `json:"id"`
	Incident  string       `json:"incident,omitempty"`
	Clip      string       `json:"clip,omitempty"`
	Device    string       `json:"device,omitempty"`
	Spans     []HoldSpan   `json:"spans"`          // recordings and tracks
	Snapshots []string     `json:"snapshots"`      // and pictures of reports: SHA-256, hex
	More      int          `json:"more,omitempty"` // spans and snapshots that had no room: they are not held
	Reason    string       `json:"reason"`
	By        string       `json:"by"`
	At        bridge.Stamp `json:"at"`
}

// HoldSpan is a stretch of a device's recordings.
type HoldSpan struct {
	Device string       `json:"device"`
	From   bridge.Stamp `json:"from"`
	To     bridge.Stamp `json:"to"`
}

// HoldChanged is the data of hold.placed and hold.released.
type HoldChanged struct {
	Schema int `json:"schema"`
	Hold
	Second        string `json:"second,omitempty"`         // released: the other lead
	ReleaseReason string `json:"release_reason,omitempty"` // released
	ReleasedBy    string `json:"released_by,omitempty"`
}

// HoldIn places a hold, by a lead.
type HoldIn struct {
	Incident, Clip, Device string
	From, To               time.Time // with Device
	Reason                 string
	By                     Actor
	Idempotency            string
}

// ReleaseIn ends a hold: two leads. That Second agreed is for the caller to
// see to.
type ReleaseIn struct {
	Hold, Reason string
	By           Actor
	Second       string
	Idempotency  string
}

func (in HoldIn) decide(t *step, hit *bridge.Record) error {
	trim(&in.Reason)
	return t.hold(in, hit)
}
func (in ReleaseIn) decide(t *step, hit *bridge.Record) error {
	trim(&in.Reason)
	return t.release(in, hit)
}

func (in HoldIn) keys() []string    { return idemKeys(in.By, in.Idempotency) }
func (in ReleaseIn) keys() []string { return idemKeys(in.By, in.Idempotency) }

// Holds are the holds in force, oldest first. The list may be kept.
func (s *State) Holds() []Hold { return s.k.Holds }

func (t *step) hold(in HoldIn, hit *bridge.Record) error {
	if hit != nil {
		return t.heldBefore(hit, TypeHoldPlaced, in.Idempotency, func(h *HoldChanged) bool {
			return h.Incident == in.Incident && h.Clip == in.Clip && h.Device == in.Device && h.Reason == in.Reason
		})
	}
	if !slices.Contains(leads(), in.By.Role) {
		return &ForbiddenError{"hold", in.By.Role, leads()}
	}
	if in.Reason == "" {
		return &InvalidError{"reason", "", "why it is held"}
	}
	if err := texts("incident", in.Incident, "clip", in.Clip, "device", in.Device, "by", in.By.Name, "reason", in.Reason, "idempotency_key", in.Idempotency); err != nil {
		return err
	}
	if len(t.s.k.Holds) >= holdsMax {
		return &InvalidError{"holds", fmt.Sprint(len(t.s.k.Holds)), "release one that is no longer needed first"}
	}
	h := Hold{Incident: in.Incident, Clip: in.Clip, Device: in.Device, Reason: in.Reason, By: in.By.Name, At: t.now, Spans: []HoldSpan{}, Snapshots: []string{}}
	if err := t.holdWhat(&h, in); err != nil {
		return err
	}
	h.ID = t.id()
	d := bridge.Draft{Type: TypeHoldPlaced, Subject: "holds/" + h.ID, Lane: bridge.Notice, Severity: "P2"}
	d.Key = idemKey(in.By, in.Idempotency)
	t.answer.Hold = h.ID
	t.add(d, HoldChanged{Schema: schema, Hold: h})
	return nil
}

// holdWhat fills in what is held.
func (t *step) holdWhat(h *Hold, in HoldIn) error {
	named := 0
	for _, one := range []string{in.Incident, in.Clip, in.Device} {
		if one != "" {
			named++
		}
	}
	switch {
	case named != 1:
		return &InvalidError{"hold", fmt.Sprintf("%d of incident, clip and device", named), "exactly one of them"}
	case in.Incident != "":
		return t.holdIncident(h)
	case in.Clip != "":
		if _, _, ok := splitClip(in.Clip); !ok {
			return &NotFoundError{"clip", in.Clip}
		}
		return nil
	}
	if t.r.cameras[in.Device] == nil && t.r.drones[in.Device] == nil {
		return &NotFoundError{"device", in.Device}
	}
	if d := in.To.Sub(in.From); in.From.IsZero() || d <= 0 || d > holdLongest {
		return &InvalidError{"to", bridge.At(in.To).String(), "a time after from, at most 31 days later"}
	}
	h.Spans = []HoldSpan{{in.Device, bridge.At(in.From), bridge.At(in.To)}}
	return nil
}

func (t *step) holdIncident(h *Hold) error {
	if t.s.k.Incidents[h.Incident] == nil {
		return &NotFoundError{"incident", h.Incident}
	}
	for _, c := range t.s.ClipsOf(h.Incident) {
		span := HoldSpan{c.Camera, c.From, c.To}
		if c.WantedFrom.Before(span.From.Time) && !c.WantedFrom.IsZero() {
			span.From = c.WantedFrom
		}
		h.Spans = append(h.Spans, span)
	}
	h.Spans = united(h.Spans)
	for _, hash := range t.s.StillsOf(h.Incident) {
		h.Snapshots = union(h.Snapshots, []string{hash})
	}
	h.More = max(0, len(h.Spans)-holdSpansMax) + max(0, len(h.Snapshots)-holdSpansMax)
	h.Spans, h.Snapshots = h.Spans[:min(len(h.Spans), holdSpansMax)], h.Snapshots[:min(len(h.Snapshots), holdSpansMax)]
	t.answer.Incident = h.Incident
	return nil
}

// united are the stretches by device and time; those that touch are one.
func united(spans []HoldSpan) []HoldSpan {
	slices.SortFunc(spans, func(a, b HoldSpan) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), a.From.Compare(b.From.Time), a.To.Compare(b.To.Time))
	})
	all := spans[:0]
	for _, one := range spans {
		if n := len(all); n > 0 && all[n-1].Device == one.Device && !one.From.After(all[n-1].To.Time) {
			all[n-1].To = later(all[n-1].To, one.To)
			continue
		}
		all = append(all, one)
	}
	return all
}

// heldBefore answers what was done before under the same key; data that was
// erased passes for it.
func (t *step) heldBefore(hit *bridge.Record, typ, key string, same func(*HoldChanged) bool) error {
	if hit.Event.Type != typ {
		return usedKey(key)
	}
	data, err := decode[HoldChanged](&hit.Event)
	if err != nil {
		return err
	}
	t.answer.Duplicate = true
	if data == nil {
		return nil
	}
	if !same(data) {
		t.answer.Duplicate = false
		return usedKey(key)
	}
	t.answer.Hold, t.answer.Incident = data.ID, data.Incident
	return nil
}

func (t *step) release(in ReleaseIn, hit *bridge.Record) error {
	if hit != nil {
		return t.heldBefore(hit, TypeHoldReleased, in.Idempotency, func(h *HoldChanged) bool { return h.ID == in.Hold })
	}
	if !slices.Contains(leads(), in.By.Role) {
		return &ForbiddenError{"release", in.By.Role, leads()}
	}
	switch {
	case in.Reason == "":
		return &InvalidError{"reason", "", "why it is no longer held"}
	case in.Second == "" || in.Second == in.By.Name:
		return &InvalidError{"second", in.Second, "a second lead"}
	}
	if err := texts("hold", in.Hold, "by", in.By.Name, "second", in.Second, "reason", in.Reason, "idempotency_key", in.Idempotency); err != nil {
		return err
	}
	at := slices.IndexFunc(t.s.k.Holds, func(h Hold) bool { return h.ID == in.Hold })
	if at < 0 {
		return &NotFoundError{"hold", in.Hold}
	}
	d := bridge.Draft{Type: TypeHoldReleased, Subject: "holds/" + in.Hold, Lane: bridge.Notice, Severity: "P2"}
	d.Key = idemKey(in.By, in.Idempotency)
	t.answer.Hold = in.Hold
	t.add(d, HoldChanged{Schema: schema, Hold: t.s.k.Holds[at], Second: in.Second, ReleaseReason: in.Reason, ReleasedBy: in.By.Name})
	return nil
}

func (s *State) holdChanged(e *bridge.Event, data *HoldChanged) {
	others := slices.DeleteFunc(slices.Clone(s.k.Holds), func(h Hold) bool { return h.ID == data.ID })
	if e.Type == TypeHoldPlaced {
		others = append(others, data.Hold)
	}
	s.k.Holds = others
}
