package station

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/mqtt"
	"github.com/watchpost-edge/watchpost/ingest/pillar"
)

// pillars joins the broker to the desk: presses in, acks and lights out.
type pillars struct {
	desk    *desk.Desk
	broker  *mqtt.Broker // the box's own; nil: outside
	outside *outside     // an external one; nil: broker
	adapter *pillar.Adapter
	known   map[string]config.Pillar

	mu     sync.Mutex
	newest map[string]ingest.PillarStatus
	dirty  map[string]bool // status not yet told to the desk
	wake   chan struct{}
	odd    map[string]string // pillar → what was odd about a press

	returnWithin time.Duration // of pillars that were online when the box stopped
}

// returnWithin is how long pillars have to connect again after a start: a
// keep-alive and the longest usual wait between attempts.
const returnWithin = 2 * time.Minute

func (s *Station) newPillars() *pillars {
	p := &pillars{
		desk: s.desk, known: map[string]config.Pillar{}, newest: map[string]ingest.PillarStatus{},
		dirty: map[string]bool{}, wake: make(chan struct{}, 1), odd: map[string]string{}, returnWithin: returnWithin,
	}
	for _, c := range s.cfg.Pillars {
		p.known[c.ID] = c
	}
	if s.cfg.MQTT.External() {
		p.outside = newOutside(s.cfg, s.log)
	} else {
		p.broker = mqtt.New(mqtt.Options{Listen: s.cfg.MQTT.Listen, TLSListen: s.cfg.MQTT.TLS.Listen, TLS: s.certs.clients, Accounts: s.account, Logger: s.log})
	}
	p.adapter = pillar.New(pillar.Options{
		Broker: p.line(), Press: p.press, Status: p.status, Live: p.broker != nil, Logger: s.log,
		Known: func(id string) bool { _, known := p.known[id]; return known },
	})
	return p
}

// press returns after the journal has synced the press, or says why it never
// will; every other error makes the pillar send it again.
func (p *pillars) press(ctx context.Context, in ingest.Press) (ingest.PressResult, error) {
	result, err := p.desk.Handle(ctx, desk.PressIn{Press: in})
	switch {
	case hopeless(err):
		return ingest.PressResult{Result: "rejected", Reason: err.Error()}, nil
	case err != nil:
		return ingest.PressResult{}, err
	}
	if result.Warning != "" {
		p.mu.Lock()
		p.odd[in.Pillar] = result.Warning
		p.mu.Unlock()
	}
	answer := ingest.PressResult{Result: "stored", Incident: result.Incident}
	if result.Duplicate {
		answer.Result = "duplicate"
	}
	return answer, nil
}

// status remembers the newest; run tells the desk.
func (p *pillars) status(s ingest.PillarStatus) {
	p.mu.Lock()
	p.newest[s.Pillar], p.dirty[s.Pillar] = s, true
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run tells the desk what pillars say of themselves. Only the newest word
// counts, so a slow disk costs nothing but the steps between.
func (p *pillars) run(ctx context.Context, s *Station) error {
	started := time.Now()
	back := time.NewTimer(p.returnWithin)
	defer back.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.wake:
		case <-back.C:
			if p.missed(ctx, s, started) != nil {
				return nil
			}
		}
		for _, status := range p.take() {
			in := desk.DeviceIn{Device: status.Pillar, Type: "pillar", State: "online", Since: status.At}
			switch {
			case status.Tampered:
				in.State, in.Why = "tampered", "the pillar says that its case is open"
			case !status.Online:
				in.State, in.Why = "offline", "the pillar is not connected"
			}
			if s.persist(ctx, s.log.With("pillar", status.Pillar), func() error { _, err := s.desk.Handle(ctx, in); return err }) != nil {
				return nil
			}
		}
	}
}

// missed tells the desk of the pillars that it still believes to be online from
// before the start, and that have not been heard since: what is not known is
// not shown as known.
func (p *pillars) missed(ctx context.Context, s *Station, since time.Time) error {
	var silent []string
	if _, err := s.desk.View(ctx, func(state *desk.State) {
		for id := range p.known {
			_, heard := p.adapter.Heard(id)
			if d := state.Device(id); d != nil && d.State == "online" && !heard {
				silent = append(silent, id)
			}
		}
	}); err != nil {
		return err
	}
	for _, id := range silent {
		in := desk.DeviceIn{Device: id, Type: "pillar", State: "silent", Since: since, Why: "not heard since the box started"}
		if err := s.persist(ctx, s.log.With("pillar", id), func() error { _, err := s.desk.Handle(ctx, in); return err }); err != nil {
			return err
		}
	}
	return nil
}

func (p *pillars) take() []ingest.PillarStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []ingest.PillarStatus
	for id := range p.dirty {
		list = append(list, p.newest[id])
	}
	clear(p.dirty)
	return list
}

// Status is the newest word of a pillar since the box started; nil when it has
// said nothing.
func (p *pillars) Status(id string) *ingest.PillarStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s, heard := p.newest[id]; heard {
		return &s
	}
	return nil
}

// light shows at the pillar that somebody has answered: it flashes after the
// press, stands while the room works on it, and goes out at the end. A pillar
// with duress shows nothing.
func (p *pillars) light(ctx context.Context, record bridge.Record) error {
	var light string
	switch record.Event.Type {
	case desk.TypeAlertRaised:
		light = "flash"
	case desk.TypeAlertUpdated:
		if !desk.RingsAgain(record) {
			return nil
		}
		light = "flash"
	case desk.TypeIncidentAcknowledged:
		light = "steady"
	case desk.TypeIncidentClosed:
		light = "off"
	default:
		return nil
	}
	incident, is := strings.CutPrefix(record.Event.Subject, "incidents/")
	if !is {
		return nil
	}
	var ids []string
	open, closed := false, true
	if _, err := p.desk.View(ctx, func(s *desk.State) {
		ids = s.PillarsOf(incident)
		inc := s.Incident(incident)
		open = inc != nil && (inc.State == desk.Open || inc.Unanswered > 0)
		closed = inc == nil || inc.State == desk.Closed
	}); err != nil {
		return err
	}
	if light == "flash" && !open || light != "off" && closed {
		return nil // answered already: a later record says what shows
	}
	for _, id := range ids {
		if err := p.adapter.Command(id, pillar.Command{Light: light}); err != nil {
			return fmt.Errorf("light pillar %s: %w", id, err)
		}
	}
	return nil
}
