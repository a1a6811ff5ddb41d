package station

import (
	"context"
	"crypto"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
)

const (
	retainEvery = time.Minute
	worker      = "retention" // carries out what the journal says of itself
)

// sign signs what the journal says of itself with the box's key.
func (s *Station) sign(text []byte) []byte {
	signature, err := s.signer.Sign(rand.Reader, text, crypto.Hash(0))
	if err != nil {
		s.log.Error("the journal's word goes unsigned", "err", err)
	}
	return signature
}

// placeWorkers are those whose cursors hold back retention.
func placeWorkers() []string { return []string{"clips", "lights", worker} }

// retain looks every minute what the journal may retire, and which uplink is
// too far behind for it.
func (s *Station) retain(ctx context.Context) error {
	tick := time.NewTicker(retainEvery)
	defer tick.Stop()
	for {
		if err := s.retainNow(ctx, time.Now()); err != nil && ctx.Err() == nil {
			s.log.Error("the journal's oldest events stay for now", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (s *Station) retainNow(ctx context.Context, now time.Time) error {
	keep := journal.Keep{
		MaxAge: time.Duration(s.cfg.Data.Journal.MaxAge), Budget: int64(s.cfg.Data.Journal.Budget), Workers: placeWorkers(),
	}
	for _, u := range s.cfg.Uplinks {
		if !slices.Contains(u.Lanes, string(bridge.Alarm)) {
			continue
		}
		suspended, err := s.suspend(ctx, u, now)
		if err != nil {
			return fmt.Errorf("look how far uplink %s is behind: %w", u.Name, err)
		}
		if !suspended {
			keep.Uplinks = append(keep.Uplinks, u.Name)
		}
	}
	r, ok, err := s.journal.Retirable(now, keep)
	if err != nil || !ok {
		return err
	}
	if ok, err := s.review.Release(ctx, r.Through); err != nil || !ok {
		return err
	}
	in := desk.RetiredIn{Through: r.Through}
	for _, one := range r.Ranges {
		in.Ranges = append(in.Ranges, desk.RetiredRange(one))
	}
	_, err = s.desk.Handle(ctx, in)
	return err
}

// suspend reports whether an uplink is suspended, after saying so when that
// changed: beyond its max_backlog, and back when it waits for less than half.
func (s *Station) suspend(ctx context.Context, u config.Uplink, now time.Time) (bool, error) {
	w, err := s.journal.Waiting(u.Name)
	if err != nil {
		return false, err
	}
	was := false
	if _, err := s.desk.View(ctx, func(state *desk.State) { was = state.Suspended(u.Name) }); err != nil {
		return false, err
	}
	share := func(is, limit int64) float64 {
		if w.From > w.To || limit <= 0 {
			return 0
		}
		return float64(is) / float64(limit)
	}
	age, size := share(int64(now.Sub(w.Oldest)), int64(u.MaxBacklog.Age)), share(w.Bytes, int64(u.MaxBacklog.Size))
	in := desk.SuspendedIn{Uplink: u.Name, From: w.From, To: w.To}
	switch {
	case !was && age > 1:
		in.Why = fmt.Sprintf("its oldest alarm waits since %s", bridge.At(w.Oldest))
	case !was && size > 1:
		in.Why = fmt.Sprintf("%d MiB wait for it", w.Bytes>>20)
	case was && max(age, size) <= 0.5:
		in.Resumed, in.Why = true, "it has caught up"
	default:
		return was, nil
	}
	if _, err := s.desk.Handle(ctx, in); err != nil {
		return was, err
	}
	return !in.Resumed, nil
}

// carryOut does what the journal says of itself: a retirement is carried out by
// the last of its events, when the others are there.
func (s *Station) carryOut(_ context.Context, record bridge.Record) error {
	switch record.Event.Type {
	case desk.TypeJournalRetired:
		return s.retire(record)
	case desk.TypeJournalErased:
		var erased desk.JournalErased
		if err := json.Unmarshal(record.Event.Data, &erased); err != nil {
			return fmt.Errorf("read journal.erased: %w", err)
		}
		return s.journal.Erase(erased.Lane, erased.Sequence) // too new: tried until checkpoints cover it
	}
	return nil
}

func (s *Station) retire(record bridge.Record) error {
	var last desk.JournalRetired
	if err := json.Unmarshal(record.Event.Data, &last); err != nil {
		return fmt.Errorf("read journal.retired: %w", err)
	}
	if last.Nth != last.Lanes || last.Through <= s.journal.Low() {
		return nil
	}
	records, err := s.journal.Read(record.Place-uint64(last.Lanes), last.Lanes)
	if err != nil {
		return err
	}
	r := journal.Retirement{Through: last.Through}
	said := map[bridge.Lane]uint64{}
	for _, one := range records {
		var data desk.JournalRetired
		if err := json.Unmarshal(one.Event.Data, &data); err != nil {
			return fmt.Errorf("read journal.retired: %w", err)
		}
		r.Ranges = append(r.Ranges, journal.RetiredRange{Lane: data.Lane, From: data.From, To: data.To, Hash: data.Hash, Signature: data.Signature})
		said[data.Lane] = one.Place
	}
	return s.journal.Retire(r, said)
}
