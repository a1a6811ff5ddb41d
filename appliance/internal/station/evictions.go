package station

import (
	"context"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/bridge"
)

// evictionsMax is how many clips that went may wait to be told; beyond that
// they are counted, and the next start tells of them.
const evictionsMax = 10_000

// evictionsTellLast is for the last words before a stop.
const evictionsTellLast = 5 * time.Second

// evictions are what the store deleted and the desk does not know yet: what
// went of a class for one reason is one word, however long it waits.
type evictions struct {
	mu    sync.Mutex
	clips []desk.ClipEvictedIn
	rest  map[string]*desk.StorageEvicted // by class and reason
	wake  chan struct{}
}

func newEvictions() *evictions {
	return &evictions{rest: map[string]*desk.StorageEvicted{}, wake: make(chan struct{}, 1)}
}

// noteEvictions is called by the store after files are gone; it must not wait.
func (s *Station) noteEvictions(gone []media.Eviction) {
	s.evicted.mu.Lock()
	for _, e := range gone {
		if e.Class != media.Clips {
			s.evicted.fold(e)
			continue
		}
		part, is := strings.CutSuffix(path.Base(e.Name), ".mp4")
		if _, hidden := unsealed(e.Owner); hidden {
			continue // its clip's own event says that the clip is gone
		}
		switch {
		case !is:
		case len(s.evicted.clips) >= evictionsMax:
			s.counts.evictionsUntold.Add(1)
		default:
			s.evicted.clips = append(s.evicted.clips, desk.ClipEvictedIn{Clip: e.Owner, Part: part, Why: e.Why})
		}
	}
	s.evicted.mu.Unlock()
	select {
	case s.evicted.wake <- struct{}{}:
	default:
	}
}

// fold adds a file to the word on its class. Stills belong to nobody.
func (v *evictions) fold(e media.Eviction) {
	key := string(e.Class) + "/" + e.Why
	word := v.rest[key]
	if word == nil {
		word = &desk.StorageEvicted{Class: string(e.Class), Why: e.Why, From: bridge.At(e.From), To: bridge.At(e.To), Owners: []desk.EvictedOwner{}}
		v.rest[key] = word
	}
	word.Files++
	word.Bytes += e.Bytes
	widen(&word.From, &word.To, e)
	if e.Class == media.Snapshots || e.Class == media.Pictures {
		return
	}
	at := slices.IndexFunc(word.Owners, func(o desk.EvictedOwner) bool { return o.Owner == e.Owner })
	if at < 0 {
		at = len(word.Owners)
		word.Owners = append(word.Owners, desk.EvictedOwner{Owner: e.Owner, From: bridge.At(e.From), To: bridge.At(e.To)})
	}
	o := &word.Owners[at]
	o.Files++
	o.Bytes += e.Bytes
	widen(&o.From, &o.To, e)
}

func widen(from, to *bridge.Stamp, e media.Eviction) {
	if e.From.Before(from.Time) {
		*from = bridge.At(e.From)
	}
	if e.To.After(to.Time) {
		*to = bridge.At(e.To)
	}
}

// take takes all that waits, as inputs of the desk.
func (v *evictions) take() []desk.Input {
	v.mu.Lock()
	defer v.mu.Unlock()
	var all []desk.Input
	for _, c := range v.clips {
		all = append(all, c)
	}
	for _, key := range slices.Sorted(maps.Keys(v.rest)) {
		all = append(all, desk.EvictedIn{Evicted: *v.rest[key]})
	}
	v.clips = nil
	clear(v.rest)
	return all
}

// tellEvictions makes events of what went, until ctx ends; of what went until
// then a moment longer, since the next start knows of clips only.
func (s *Station) tellEvictions(ctx context.Context) error {
	var left []desk.Input
	err := s.missedEvictions(ctx)
	for err == nil && ctx.Err() == nil {
		if left, err = s.tellAllEvictions(ctx, s.evicted.take()); err != nil {
			break
		}
		select {
		case <-ctx.Done():
		case <-s.evicted.wake:
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), evictionsTellLast)
	defer cancel()
	left, _ = s.tellAllEvictions(last, append(left, s.evicted.take()...))
	if len(left) > 0 {
		s.counts.evictionsUntold.Add(uint64(len(left)))
		s.log.Warn("what was evicted is not all in the journal", "words", len(left))
	}
	return nil // ctx has ended, or the desk has: its own stage says why
}

// tellAllEvictions tells all that it is given; left is what it did not before ctx
// ended. A word that is on its way then arrives: else it would be told twice.
func (s *Station) tellAllEvictions(ctx context.Context, all []desk.Input) (left []desk.Input, err error) {
	for i, in := range all {
		tell := func() error {
			_, err := s.desk.Handle(context.WithoutCancel(ctx), in)
			return err
		}
		if ctx.Err() != nil || s.persist(ctx, s.log, tell) != nil {
			return all[i:], ctx.Err()
		}
	}
	return nil, nil
}

// missedEvictions makes events of the clips that went without a word, since the
// box was killed in between or too many went at once. Part 1 goes by itself
// when the whole is there.
func (s *Station) missedEvictions(ctx context.Context) error {
	var known []*desk.Clip
	if _, err := s.desk.View(ctx, func(state *desk.State) {
		for _, incident := range state.Incidents() {
			for _, c := range state.ClipsOf(incident.ID) {
				if c.Evicted == "" && (c.Part == clip.PartWhole || state.Clip(c.ID, clip.PartWhole) == nil) {
					known = append(known, c)
				}
			}
		}
	}); err != nil {
		return err
	}
	for _, c := range known {
		if _, err := s.cutter.Part(c.ID, c.Part); !errors.Is(err, media.ErrNotFound) {
			continue
		}
		if err := s.persist(ctx, s.log, func() error {
			_, err := s.desk.Handle(ctx, desk.ClipEvictedIn{Clip: c.ID, Part: c.Part, Why: "its file is not kept any more"})
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}
