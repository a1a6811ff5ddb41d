package station

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	limits "golang.org/x/time/rate"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/ingest"
)

// A phone that was out of reach sends what it kept all at once; one that goes
// on like that is out of order.
const (
	fixesASecond = 1
	fixesAtOnce  = 600
	floodShown   = 10 * time.Minute
	fixAgeMax    = 24 * time.Hour // older ones are not kept
	rosterEvery  = time.Second    // shifts begin and end by the clock
	rosterPause  = 100 * time.Millisecond
	fixWithin    = 5 * time.Second // the desk's answer
	recallMax    = time.Hour       // of a track, for the newest position after a start
)

// What became of a position that was not kept.
const (
	fixUnknown = "person_unknown"
	fixOffDuty = "off_duty"
	fixFlood   = "flood"
	fixOld     = "too_old"
	fixFailed  = "failed"
)

// positions are where people on duty were heard last, and the way to their
// tracks. Of somebody who is not on duty nothing is kept and nothing is known,
// whatever his phone sends.
type positions struct {
	desk  *desk.Desk
	store *media.Store
	rates map[string]*limits.Limiter // by person

	// asking is held from the desk's answer until it has its effect: or an older
	// answer would undo what a newer one allowed. Before mu.
	asking sync.Mutex

	mu      sync.Mutex
	newest  map[string]ingest.Fix
	roster  []desk.Unit
	flooded map[string]time.Time // when a person's phone was last cut short
	counts  map[string]uint64    // by what became of them; "": kept
}

// newPositions also recalls where people were before the start.
func (s *Station) newPositions() *positions {
	p := &positions{
		desk: s.desk, store: s.store, rates: map[string]*limits.Limiter{}, newest: map[string]ingest.Fix{}, flooded: map[string]time.Time{}, counts: map[string]uint64{},
	}
	now := time.Now()
	for _, one := range s.cfg.Persons {
		p.rates[one.ID] = limits.NewLimiter(fixesASecond, fixesAtOnce)
		track, err := s.store.Positions(one.ID).Read(now.Add(-recallMax), now.Add(time.Minute)) // a phone may be ahead
		if err != nil {
			s.log.Warn("newest position not recalled", "person", one.ID, "err", err)
		}
		if len(track) > 0 {
			p.newest[one.ID] = track[len(track)-1]
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), fixWithin)
	defer cancel()
	units, err := p.look(ctx)
	if err != nil { // who is on duty is not known: nobody is anywhere
		clear(p.newest)
	}
	p.set(units)
	return p
}

// look asks the desk who is on duty now.
func (p *positions) look(ctx context.Context) (units []desk.Unit, err error) {
	_, err = p.desk.View(ctx, func(s *desk.State) { units = p.desk.Rules().Units(s, time.Now()) })
	return units, err
}

// take keeps a position, or says why not.
func (p *positions) take(ctx context.Context, fix ingest.Fix) (why string, err error) {
	p.asking.Lock()
	defer p.asking.Unlock()
	why, err = p.judge(ctx, fix)
	if err == nil && why == "" {
		if err = p.store.Positions(fix.Person).Append(fix); err != nil {
			why = fixFailed
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[why]++
	if why == fixFlood {
		p.flooded[fix.Person] = time.Now()
	}
	if why == "" && !fix.At.Before(p.newest[fix.Person].At) {
		p.newest[fix.Person] = fix
	}
	return why, err
}

// judge says why a position is not kept. Its person must have been on duty when
// it was measured, and be on duty now.
func (p *positions) judge(ctx context.Context, fix ingest.Fix) (why string, err error) {
	now := time.Now()
	limit := p.rates[fix.Person]
	switch {
	case limit == nil:
		return fixUnknown, nil
	case !limit.Allow():
		return fixFlood, nil
	case now.Sub(fix.At) > fixAgeMax:
		return fixOld, nil
	}
	on := false
	rules := p.desk.Rules()
	if _, err := p.desk.View(ctx, func(s *desk.State) {
		is, was := rules.PersonDuty(s, fix.Person, now), rules.PersonDuty(s, fix.Person, fix.At)
		said := is.By == "" || !fix.At.Before(is.Since.Time) // a word says nothing of the time before it
		on = is.On && was.On && said
	}); err != nil {
		return fixFailed, fmt.Errorf("ask whether %s is on duty: %w", fix.Person, err)
	}
	if !on {
		return fixOffDuty, nil
	}
	return "", nil
}

// heard takes a position of a phone on the broker, which cannot be told what
// became of it.
func (s *Station) heard(fix ingest.Fix) {
	ctx, cancel := context.WithTimeout(context.Background(), fixWithin)
	defer cancel()
	if _, err := s.positions.take(ctx, fix); err != nil {
		s.log.Error("position not kept", "person", fix.Person, "err", err)
	}
}

// run keeps the roster, and forgets where somebody is once he is off duty.
func (p *positions) run(ctx context.Context) error {
	tick := time.NewTicker(rosterEvery)
	defer tick.Stop()
	for {
		changed := p.desk.Changed()
		if p.refresh(ctx) != nil {
			return nil // ctx has ended, or the desk has: its own stage says why
		}
		select { // a storm of events is one change
		case <-ctx.Done():
			return nil
		case <-time.After(rosterPause):
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-changed:
		}
	}
}

// refresh asks for the roster, and forgets where those off duty are.
func (p *positions) refresh(ctx context.Context) error {
	p.asking.Lock()
	defer p.asking.Unlock()
	units, err := p.look(ctx)
	if err == nil {
		p.set(units)
	}
	return err
}

func (p *positions) set(units []desk.Unit) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.roster = units
	for _, u := range units {
		if u.Kind == "person" && !u.Duty.On {
			delete(p.newest, u.ID)
		}
	}
}

// Roster implements wall's forces.
func (p *positions) Roster() []desk.Unit {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.roster
}

// Newest implements wall's forces.
func (p *positions) Newest(person string) (ingest.Fix, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fix, known := p.newest[person]
	return fix, known
}

// Report implements wall's forces.
func (p *positions) Report(ctx context.Context, fix ingest.Fix) (why string, err error) {
	return p.take(ctx, fix)
}

// Track implements wall's forces.
func (p *positions) Track(person string, from, to time.Time) ([]ingest.Fix, error) {
	return p.store.Positions(person).Read(from, to)
}

// flooding are the people whose phones were cut short of late, sorted.
func (p *positions) flooding(now time.Time) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []string
	for person, last := range p.flooded {
		if now.Sub(last) < floodShown {
			list = append(list, person)
		}
	}
	slices.Sort(list)
	return list
}
