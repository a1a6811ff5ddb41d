package desk

import (
	"maps"
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// planned is the cause of blindness that the configuration wants: told, but no
// reason to look.
const planned = "plan"

// BlindIn opens or closes a blind interval of a camera; there is one open at
// most per kind. The box's own word on when is taken as it is.
type BlindIn struct {
	Camera string
	Kind   string // unseen, unrecorded, unanalysed, …
	From   time.Time
	To     time.Time // zero: opened
	Cause  string    // box, camera, disk, load, clock, plan; empty: not known
	Why    string
	// Whole says that an interval that was not opened is told with both ends.
	Whole bool
}

func (in BlindIn) decide(t *step, _ *bridge.Record) error { return t.blind(in) }

// BlindChanged is the data of blind.opened and blind.closed.
type BlindChanged struct {
	Schema int          `json:"schema"`
	Camera string       `json:"camera"`
	Kind   string       `json:"kind"`
	From   bridge.Stamp `json:"from"`
	To     bridge.Stamp `json:"to"`
	Cause  string       `json:"cause,omitempty"`
	Why    string       `json:"why"`
}

// blind writes only what changes something; a whole interval is two events.
func (t *step) blind(in BlindIn) error {
	if t.r.cameras[in.Camera] == nil {
		return &NotFoundError{"camera", in.Camera}
	}
	if err := oneOf("kind", in.Kind, "unseen", "unrecorded", "unanalysed", "covered", "defocused", "moved", "frozen"); err != nil {
		return err
	}
	if in.From.IsZero() || in.From.After(t.now.Add(futureMax)) {
		in.From = t.now.Time
	}
	open := t.s.openBlind(in.Camera, in.Kind)
	data := BlindChanged{Schema: schema, Camera: in.Camera, Kind: in.Kind, From: bridge.At(in.From), To: bridge.At(in.To), Cause: cut(in.Cause), Why: cut(in.Why)}
	switch {
	case in.Whole && open == nil && !in.To.IsZero():
		if last := t.s.Blinded(in.Camera, in.Kind); last.From == data.From && last.To == data.To {
			return nil // it was told before
		}
		opened := data
		opened.To = bridge.Stamp{}
		t.blindEvent(TypeBlindOpened, opened)
		t.blindEvent(TypeBlindClosed, data)
	case in.To.IsZero() && open == nil:
		t.blindEvent(TypeBlindOpened, data)
	case !in.To.IsZero() && open != nil:
		data.From = open.From
		if data.Why == "" {
			data.Cause, data.Why = open.Cause, open.Why
		}
		t.blindEvent(TypeBlindClosed, data)
	}
	return nil
}

func (t *step) blindEvent(typ string, data BlindChanged) {
	at := data.From
	if typ == TypeBlindClosed {
		if data.To.Before(data.From.Time) {
			data.To = data.From
		}
		at = data.To
	}
	t.add(bridge.Draft{Type: typ, Subject: "devices/" + data.Camera, Time: at, Lane: bridge.Notice}, data)
}

// endBlindOfRemoved closes what is open of cameras that the configuration
// names no more.
func (t *step) endBlindOfRemoved() {
	for _, id := range slices.Sorted(maps.Keys(t.s.k.Devices)) {
		if t.r.cameras[id] != nil {
			continue
		}
		for _, b := range t.s.k.Devices[id].Blinds {
			if t.full() {
				return
			}
			t.blindEvent(TypeBlindClosed, BlindChanged{
				Schema: schema, Camera: id, Kind: b.Kind, From: b.From, To: t.now, Cause: planned, Why: "the camera was removed",
			})
		}
	}
}

func (s *State) openBlind(camera, kind string) *Blind {
	if d := s.k.Devices[camera]; d != nil {
		for i := range d.Blinds {
			if d.Blinds[i].Kind == kind {
				return &d.Blinds[i]
			}
		}
	}
	return nil
}

// Blinded is the camera's blind interval of this kind that was closed last.
func (s *State) Blinded(camera, kind string) Interval { return s.k.Blinded[camera+"/"+kind] }

func (s *State) blindChanged(e *bridge.Event, data *BlindChanged) {
	d := s.device(data.Camera, "camera")
	blinds := slices.DeleteFunc(slices.Clone(d.Blinds), func(b Blind) bool { return b.Kind == data.Kind })
	if e.Type == TypeBlindOpened {
		blinds = append(blinds, Blind{Kind: data.Kind, From: data.From, Cause: data.Cause, Why: data.Why})
	} else {
		last := maps.Clone(s.k.Blinded)
		if last == nil {
			last = map[string]Interval{}
		}
		last[data.Camera+"/"+data.Kind] = Interval{From: data.From, To: data.To}
		s.k.Blinded = last
	}
	d.Blinds, d.Blind = blinds, nil
	for _, b := range blinds {
		if b.Cause != planned && (d.Blind == nil || b.From.Before(d.Blind.From.Time)) {
			d.Blind = &Interval{From: b.From, Why: b.Kind}
		}
	}
	if len(blinds) == 0 {
		d.Blinds = nil
	}
	s.putDevice(d)
}
