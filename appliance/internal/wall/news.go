package wall

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/ingest"
)

// News of forces and of partners' lines: no resources of the desk, so the
// stream names what has changed, and who shows it asks /forces or /routing
// again. Where people are comes with it, whole: it changes all the time.

// known is a list that was looked at again and again; turn counts how often it
// was another one. The first look is the first turn.
type known[T any] struct {
	turn uint64
	list []T
}

func (k *known[T]) look(list []T) {
	if k.turn == 0 || !reflect.DeepEqual(list, k.list) {
		k.turn, k.list = k.turn+1, list
	}
}

// duties is what streams tell of forces and partners. It is shared: nothing in
// it is changed once a stream has it.
type duties struct {
	units    known[desk.Unit]
	partners known[Partner]
	fixes    map[string]ingest.Fix // where who is on duty was heard last, by person
}

// look is the duties as they stand now.
func (d duties) look(s *Server) duties {
	d.units.look(s.o.Forces.Roster())
	if s.o.Partners != nil {
		d.partners.look(s.o.Partners())
	}
	d.fixes = make(map[string]ingest.Fix)
	for _, u := range d.units.list {
		if u.Kind != "person" || !u.Duty.On {
			continue
		}
		if fix, heard := s.o.Forces.Newest(u.ID); heard {
			d.fixes[u.ID] = fix
		}
	}
	return d
}

// forcesNews is `event: forces`.
type forcesNews struct {
	Changed   []string     `json:"changed"`   // team/{id}, person/{id}: to be asked for again
	Positions []ingest.Fix `json:"positions"` // newer ones than told before
}

// routingNews is `event: routing`.
type routingNews struct {
	Changed []string `json:"changed"` // ids of partners
}

// sendDuties tells what changed since this stream told it last; a new stream
// all, for nobody knows how long its client was away.
func (st *stream) sendDuties(now duties) error {
	forces := forcesNews{Changed: []string{}, Positions: []ingest.Fix{}}
	if now.units.turn != st.duties.units.turn {
		forces.Changed = differing(st.duties.units.list, now.units.list, func(u desk.Unit) string { return u.Kind + "/" + u.ID })
	}
	for _, u := range now.units.list {
		fix, heard := now.fixes[u.ID]
		if u.Kind == "person" && heard && !st.who.anonymous && !reflect.DeepEqual(fix, st.duties.fixes[u.ID]) {
			forces.Positions = append(forces.Positions, fix)
		}
	}
	routing := routingNews{Changed: []string{}}
	if now.partners.turn != st.duties.partners.turn {
		routing.Changed = differing(st.duties.partners.list, now.partners.list, func(p Partner) string { return p.ID })
	}
	st.duties = now
	if len(forces.Changed)+len(forces.Positions) > 0 {
		if err := st.tell("forces", forces); err != nil {
			return err
		}
	}
	if len(routing.Changed) > 0 {
		return st.tell("routing", routing)
	}
	return nil
}

// tell writes news: an event without an id.
func (st *stream) tell(event string, news any) error {
	data, err := json.Marshal(news)
	if err != nil {
		return fmt.Errorf("encode %s: %w", event, err)
	}
	_, err = fmt.Fprintf(st.w, "event: %s\ndata: %s\n\n", event, data)
	return err
}

// differing are the ids of what is new, other than before, or gone.
func differing[T any](before, after []T, id func(T) string) []string {
	left := make(map[string]T, len(before))
	for _, one := range before {
		left[id(one)] = one
	}
	ids := []string{}
	for _, one := range after {
		was, had := left[id(one)]
		delete(left, id(one))
		if !had || !reflect.DeepEqual(was, one) {
			ids = append(ids, id(one))
		}
	}
	for _, one := range before {
		if _, gone := left[id(one)]; gone {
			ids = append(ids, id(one))
		}
	}
	return ids
}
