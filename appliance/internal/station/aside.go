package station

import (
	"context"
	"fmt"
	"slices"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// Aside implements wall's deliveries.
func (r *receipts) Aside(uplink string) []desk.SetAside {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []desk.SetAside
	for i := range r.aside {
		if r.aside[i].Uplink == uplink && len(list) < asideShownMax {
			list = append(list, r.aside[i])
		}
	}
	return list
}

// withheld reports whether the event was set aside and is not sent again yet.
func (r *receipts) withheld(uplink, id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.without[uplink+"/"+id]
}

// isSuspended reports whether the journal waits for the uplink no more.
func (r *receipts) isSuspended(uplink string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.suspended[uplink]
}

// asideCount is how many there are.
func (r *receipts) asideCount(uplink string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for i := range r.aside {
		if r.aside[i].Uplink == uplink {
			n++
		}
	}
	return n
}

func (r *receipts) lateOf(uplink string) lateAlarms {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.late[uplink]
}

// SendAgain implements wall's deliveries. It is recorded once headquarters has
// the event: after a crash in between it is still listed, and sent once more,
// which headquarters knows by its id.
func (r *receipts) SendAgain(ctx context.Context, in desk.ResentIn) (desk.Result, error) {
	for _, key := range desk.Keys(in) {
		if _, done, err := r.find(key); err != nil || done {
			if err != nil {
				return desk.Result{}, fmt.Errorf("find key %s: %w", key, err)
			}
			return r.desk.Handle(ctx, in)
		}
	}
	record, err := r.setAside(ctx, in.Uplink, in.ID)
	if err != nil {
		return desk.Result{}, err
	}
	if err := r.forwarder.Resend(ctx, in.Uplink, record); err != nil {
		return desk.Result{}, err
	}
	return r.desk.Handle(ctx, in)
}

// setAside is the event that was set aside, as the journal has it.
func (r *receipts) setAside(ctx context.Context, uplink, id string) (bridge.Record, error) {
	var list []desk.SetAside
	if _, err := r.desk.View(ctx, func(state *desk.State) { list = state.SetAside() }); err != nil {
		return bridge.Record{}, err
	}
	at := slices.IndexFunc(list, func(a desk.SetAside) bool { return a.Uplink == uplink && a.ID == id })
	if at < 0 {
		return bridge.Record{}, &desk.NotFoundError{What: "set_aside", ID: id}
	}
	gone := &desk.NotFoundError{What: "event", ID: id}
	sequence, err := bridge.SequenceNumber(list[at].Sequence)
	if err != nil || sequence == 0 || list[at].Epoch != r.journal.Epoch() {
		return bridge.Record{}, gone
	}
	records, err := r.journal.ReadLane(list[at].Lane, sequence-1, 1)
	if err != nil {
		return bridge.Record{}, fmt.Errorf("read event %s: %w", id, err)
	}
	if len(records) == 0 || records[0].Event.ID != id {
		return bridge.Record{}, gone
	}
	return records[0], nil
}
