package desk

import (
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// Nearby is what a report from a place has bound to it.
type Nearby struct {
	Place    PlaceRef         `json:"place"`
	Position *ingest.Position `json:"position,omitempty"` // absent: nobody knows where that is, and no camera is bound
	Cameras  []NearbyCamera   `json:"cameras"`            // nearest first, those that see it before others
	// Incident is the open one that such a report would join; empty: it opens
	// its own.
	Incident string `json:"incident,omitempty"`
}

// NearbyCamera is one camera for a place, and the recording that is kept of it.
type NearbyCamera struct {
	ID     string       `json:"id"`
	Metres float64      `json:"metres"` // from the place
	Sees   bool         `json:"sees"`   // the place lies in its field of view
	From   bridge.Stamp `json:"from"`   // of the look-back
	To     bridge.Stamp `json:"to"`
}

// Nearby tells beforehand what a report of that kind, made now, would bind: by
// the same rules as report does.
func (r *Rules) Nearby(s *State, now bridge.Stamp, kind, place string, at *ingest.Position) Nearby {
	n := Nearby{Cameras: []NearbyCamera{}}
	n.Place, n.Position = r.where(place, at)
	if n.Position != nil {
		for _, want := range r.clips(r.Nearest(*n.Position), now) {
			c := r.cameras[want.Camera]
			n.Cameras = append(n.Cameras, NearbyCamera{
				ID: c.ID, Metres: distance(*c.Position, *n.Position), Sees: r.sees(c, *n.Position), From: want.From, To: want.To,
			})
		}
	}
	t := &step{r: r, s: s, now: now}
	like := &Alert{Origin: "report", Place: n.Place, Reported: kind}
	if join := t.sameMatter(like, n.Position, now); join != nil {
		n.Incident = join.ID
	}
	return n
}

// where is the place that somebody names: by id or name a configured place, by
// name a pillar or a camera, else what he said. A position that came with it
// counts more than the name's.
func (r *Rules) where(said string, at *ingest.Position) (PlaceRef, *ingest.Position) {
	ref := PlaceRef{Name: said}
	if known := r.placeNamed(said); known != nil {
		ref = PlaceRef{ID: known.ID, Name: known.Name, AddressCode: known.AddressCode, Beat: known.Beat}
		if at == nil {
			at = centre(known.Polygon)
		}
		return ref, at
	}
	if at == nil {
		at = r.deviceNamed(said)
	}
	if around := r.placeAt(at); around != nil {
		ref.ID, ref.AddressCode, ref.Beat = around.ID, around.AddressCode, around.Beat
		if ref.Name == "" {
			ref.Name = around.Name
		}
	}
	return ref, at
}

func (r *Rules) placeNamed(said string) *Place {
	if p := r.places[said]; p != nil || said == "" {
		return p
	}
	for i := range r.setup.Places {
		if r.setup.Places[i].Name == said {
			return &r.setup.Places[i]
		}
	}
	return nil
}

// deviceNamed is where the pillar or the camera of that name stands.
func (r *Rules) deviceNamed(said string) *ingest.Position {
	if said == "" {
		return nil
	}
	for _, p := range r.setup.Pillars {
		if p.Name == said {
			return p.Position
		}
	}
	for _, c := range r.setup.Cameras {
		if c.Name == said {
			return c.Position
		}
	}
	return nil
}
