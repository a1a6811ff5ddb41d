package station

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/health"
	"github.com/watchpost-edge/watchpost/bridge"
)

const (
	drillLookEvery  = 50 * time.Millisecond // at receipts, while a drill is under way
	drillRetry      = time.Second           // after the journal refused a mark
	drillTellEvery  = 10 * time.Second      // what health says of drills and rounds
	drillStillFor   = 5 * time.Second       // that a still of the camera may take
	missedShownTime = 24 * time.Hour        // that a missed round stays a warning
)

// drills follows exercise alarms: it tells the desk when one is on the disk and
// when each headquarters has it, and gives a rule's alarm the camera's picture.
type drills struct {
	station *Station
	pending sync.WaitGroup  // stills that are being made
	stills  map[string]bool // runs whose still was asked for; of run's goroutine only

	mu    sync.Mutex
	found []health.Finding
}

func newDrills(s *Station) *drills { return &drills{station: s, stills: map[string]bool{}} }

func drillCodes() []health.Code {
	return []health.Code{
		{ID: "drill_due", Title: "devices that were not drilled for long", Severity: health.Info},
		{ID: "patrol_due", Title: "a round of a video patrol is due", Severity: health.Info},
		{ID: "patrol_missed", Title: "a round of a video patrol was missed", Severity: health.Bad},
	}
}

func (d *drills) findings() []health.Finding {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.found
}

// run follows the drills until ctx ends.
func (d *drills) run(ctx context.Context) error {
	defer d.pending.Wait()
	var told time.Time
	for {
		changed := d.station.desk.Changed()
		var runs []*desk.DrillRun
		tell := time.Since(told) >= drillTellEvery
		if _, err := d.station.desk.View(ctx, func(state *desk.State) {
			runs = state.DrillsUnderWay()
			if tell {
				d.tell(state)
			}
		}); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("look at drills: %w", err)
		}
		if tell {
			told = time.Now()
		}
		wait := drillLookEvery
		if len(runs) == 0 {
			wait = drillTellEvery
			clear(d.stills)
		}
		for _, run := range runs {
			if err := d.follow(ctx, run); err != nil && ctx.Err() == nil {
				d.station.log.Error("drill not followed, trying again", "target", run.Target, "err", err)
				wait, changed = drillRetry, nil
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-changed:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// follow tells the desk what has come of one drill. What View has shown is on
// the disk.
func (d *drills) follow(ctx context.Context, run *desk.DrillRun) error {
	mark := desk.DrillMarkIn{Target: run.Target, Run: run.ID}
	if run.StoredAt.IsZero() {
		mark.Mark = "stored"
		if _, err := d.station.desk.Handle(ctx, mark); err != nil {
			return err
		}
	}
	if rule, is := strings.CutPrefix(run.Target, "rule:"); is && !d.stills[run.ID] {
		d.stills[run.ID] = true
		camera, _, _ := strings.Cut(rule, "/")
		d.pending.Go(func() { d.still(ctx, camera, mark) })
	}
	return d.receipts(ctx, run, mark)
}

// receipts tells which headquarters have the alarm by now.
func (d *drills) receipts(ctx context.Context, run *desk.DrillRun, mark desk.DrillMarkIn) error {
	if len(run.Received) == len(run.Uplinks) || run.Place == 0 {
		return nil
	}
	event, err := d.station.receipts.event(&desk.Step{Event: run.Event, Place: run.Place})
	if err != nil || event == nil {
		return err
	}
	for _, way := range d.station.receipts.ways(event) {
		if !there(way.Mark) || !run.Received[way.Uplink].IsZero() {
			continue
		}
		mark.Mark, mark.Uplink, mark.At = "received", way.Uplink, way.Received.Time
		if _, err := d.station.desk.Handle(ctx, mark); err != nil {
			return err
		}
	}
	return nil
}

// still gives the alarm of a rule the newest picture of its camera, or says
// that there is none: the alarm has ended then, as a real one would.
func (d *drills) still(ctx context.Context, camera string, mark desk.DrillMarkIn) {
	mark.Mark = "snapshot"
	within, cancel := context.WithTimeout(ctx, drillStillFor)
	defer cancel()
	jpeg, err := wallFiles{d.station}.Picture(within, camera)
	if err == nil {
		mark.Snapshot, err = d.station.store.PutSnapshot(jpeg)
	}
	log := d.station.log.With("camera", camera, "target", mark.Target)
	if err != nil {
		log.Warn("drill without a picture", "err", err)
	}
	_ = d.station.persist(ctx, log, func() error { _, err := d.station.desk.Handle(ctx, mark); return err })
}

// tell makes what health says anew.
func (d *drills) tell(state *desk.State) {
	rules, now := d.station.desk.Rules(), time.Now()
	var found []health.Finding
	never, stale, all := 0, 0, rules.DrillTargets()
	for _, target := range all {
		switch known := state.Drilled(target.Target); {
		case known == nil || known.Last == nil:
			never++
		case rules.DrillAfter() > 0 && now.Sub(known.Last.EndedAt.Time) > rules.DrillAfter():
			stale++
		}
	}
	if never+stale > 0 {
		found = append(found, health.Finding{
			Code: "drill_due", Text: fmt.Sprintf("of %d, %d were never drilled and %d not for %d days; a lead can drill each", len(all), never, stale, int(rules.DrillAfter()/(24*time.Hour))),
			Params: said("all", len(all), "never", never, "stale", stale, "days", int(rules.DrillAfter()/(24*time.Hour))),
		})
	}
	for _, p := range rules.Patrols(state) {
		if p.Round == nil && !p.Due.After(now) && p.RoundOpen(bridge.At(now)) {
			found = append(found, health.Finding{
				Code: "patrol_due", Subject: p.ID, Text: fmt.Sprintf("%s, to be signed off by %s", p.Name, p.Limit.In(d.station.cfg.Location()).Format("15:04")),
				Params: said("name", p.Name, "at", p.Limit),
			})
		}
		if last := lastDecided(p); last != nil && last.State == desk.RoundMissed && now.Sub(last.EndedAt.Time) < missedShownTime {
			found = append(found, health.Finding{
				Code: "patrol_missed", Subject: p.ID, Text: fmt.Sprintf("%s, due at %s: %s", p.Name, last.Due.In(d.station.cfg.Location()).Format("01-02 15:04"), last.Reason),
				Params: said("name", p.Name, "at", last.Due, "why", last.Reason),
			})
		}
	}
	d.mu.Lock()
	d.found = found
	d.mu.Unlock()
}

// lastDecided is the plan's newest round that was signed off or missed.
func lastDecided(p *desk.Patrolled) *desk.Round {
	for _, r := range p.Last {
		if !r.Due.IsZero() && r.State != desk.RoundGivenUp {
			return r
		}
	}
	return nil
}
