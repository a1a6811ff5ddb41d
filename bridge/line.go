package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"
)

// line is one uplink's part of the forwarder.
type line struct {
	options Options
	config  UplinkConfig
	journal Reader
	log     *slog.Logger
	replays chan Replay

	mu        sync.Mutex
	window    *window
	marks     *marks
	known     Status // but for what is computed
	connected bool
	listening bool
	kick      chan struct{} // closed when any of the above changed
	epoch     string
}

func newLine(o Options, u UplinkConfig) (*line, error) {
	l := &line{
		options: o, config: u, journal: o.Journal, log: o.Logger.With("uplink", u.Name),
		replays: make(chan Replay, replaysMax),
		window:  newWindow(windowEventsMax, u.Lanes), marks: newMarks(marksMax),
		known: Status{Name: u.Name, Since: At(o.Now())}, kick: make(chan struct{}), epoch: o.Journal.Epoch(),
	}
	for _, lane := range l.window.lanes {
		cursor, err := l.journal.Cursor(u.Name, lane.lane)
		if err != nil {
			return nil, err
		}
		lane.cursor, lane.sent = cursor, cursor
	}
	return l, nil
}

// change runs a change of the line's state and tells everybody who waits.
func (l *line) change(what func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	what()
	close(l.kick)
	l.kick = make(chan struct{})
}

// run keeps sessions until ctx ends. Waits have full jitter: after an outage a
// city's stations must not come back in step.
func (l *line) run(ctx context.Context) {
	pace := backoff.NewExponentialBackOff()
	pace.InitialInterval, pace.MaxInterval, pace.RandomizationFactor = retryFirst, retryMax/2, 1
	pace.Reset()
	failures := 0
	for ctx.Err() == nil {
		var began time.Time
		err := l.attempt(ctx, func() {
			began = time.Now()
			if failures > 0 {
				l.log.Info("uplink is back", "attempts", failures)
			}
			failures = 0
		})
		if ctx.Err() != nil {
			return
		}
		if failures == 0 {
			l.log.Warn("uplink is gone", "err", err)
		}
		failures++
		if !began.IsZero() && time.Since(began) >= retrySteady {
			pace.Reset() // a broker that takes and drops us is no recovery
		}
		timer := time.NewTimer(pace.NextBackOff())
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
	}
}

// attempt is one session, from connect to its end.
func (l *line) attempt(ctx context.Context, up func()) error {
	l.change(func() {
		l.listening = false
		l.window.rewind()
	})
	connectCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	session, err := l.config.Uplink.Connect(connectCtx, handler{l})
	if err != nil {
		l.failed(err)
		return err
	}
	up()
	l.change(func() { l.connected, l.known.Since = true, At(l.options.Now()) })
	group, inner := errgroup.WithContext(ctx)
	tickets := make(chan sent, windowEventsMax)
	group.Go(func() error { return l.drain(inner, session, tickets) })
	group.Go(func() error { return l.confirm(inner, tickets) })
	group.Go(func() error { return l.now(inner, session) })
	group.Go(func() error { return l.replay(inner, session) })
	group.Go(func() error { return l.state(inner, session) })
	group.Go(func() error { return l.watchReceipts(inner) })
	group.Go(func() error {
		select {
		case <-session.Done():
			return fmt.Errorf("session ended: %w", session.Err())
		case <-inner.Done():
			return inner.Err()
		}
	})
	err = group.Wait()
	session.Close()
	l.change(func() { l.connected, l.listening, l.known.Since = false, false, At(l.options.Now()) })
	if ctx.Err() == nil {
		l.failed(err)
	}
	return err
}

func (l *line) failed(err error) {
	l.change(func() { l.known.LastError, l.known.LastErrorAt = err.Error(), At(l.options.Now()) })
}

// ready reports whether events may go. l.mu is held.
func (l *line) ready() bool {
	return l.connected && (l.listening || l.config.Confirm == ByTransport)
}

// sent is a batch whose transport has not confirmed yet.
type sent struct {
	ticket  Ticket
	lane    *laneWindow
	through uint64
	ids     []string
}

// drain sends the lanes in order, a higher one first, as far as the window
// has room.
func (l *line) drain(ctx context.Context, session Session, tickets chan<- sent) error {
	size := batchEventsMax
	for {
		changed := l.journal.Changed()
		lane, after, limit, kick := l.nextBatch(size)
		if lane == nil {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-changed:
			case <-kick:
			}
			continue
		}
		records, err := l.journal.ReadLane(lane.lane, after, limit)
		if err != nil {
			return err
		}
		if len(records) == 0 {
			return fmt.Errorf("journal has nothing after %d in lane %s", after, lane.lane)
		}
		out, err := l.outgoing(records)
		if err != nil {
			return err
		}
		if !l.take(lane, after, out) {
			continue // rewound meanwhile
		}
		ticket, err := session.Send(ctx, Batch{Way: WayLane, Lane: lane.lane, Events: out})
		var refused *EventError
		switch {
		case errors.As(err, &refused):
			if err := l.refused(ctx, lane, after, records, refused); err != nil {
				return err
			}
			size = max(1, len(records)/2)
			continue
		case err != nil:
			return fmt.Errorf("send %s after %d: %w", lane.lane, after, err)
		}
		size = min(batchEventsMax, 2*size)
		through := out[len(out)-1].Sequence
		select {
		case tickets <- sent{ticket, lane, through, ids(out)}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *line) nextBatch(size int) (lane *laneWindow, after uint64, limit int, kick <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ready() {
		return nil, 0, 0, l.kick
	}
	lane, room := l.window.next(l.journal.LastSequence)
	if lane == nil {
		return nil, 0, 0, l.kick
	}
	return lane, lane.sent, min(size, room), l.kick
}

// take puts the events into the window before they are sent, so that no
// receipt can come too early.
func (l *line) take(lane *laneWindow, after uint64, out []Outgoing) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if lane.sent != after || !l.ready() {
		return false
	}
	now := l.options.Now()
	for i := range out {
		lane.add(flight{sequence: out[i].Sequence, id: out[i].ID, at: now})
	}
	l.known.Sent += uint64(len(out))
	return true
}

// refused narrows a batch that cannot be taken down to one event, and sets
// that one aside: the lane goes on without it.
func (l *line) refused(ctx context.Context, lane *laneWindow, after uint64, records []Record, why *EventError) error {
	if len(records) > 1 {
		l.change(func() { lane.unsend(after) })
		return nil
	}
	event := records[0].Event
	l.log.Error("event set aside", "event", event.ID, "reason", why.Reason)
	if l.options.SetAside != nil {
		if err := l.options.SetAside(ctx, l.config.Name, event, why.Reason); err != nil {
			return fmt.Errorf("set event %s aside: %w", event.ID, err)
		}
	}
	moved := false
	l.change(func() {
		l.known.SetAside++
		for i := range lane.flight {
			if lane.flight[i].id == event.ID {
				lane.flight[i].confirmed = true
			}
		}
		moved = lane.advance()
	})
	if moved {
		return l.save(lane)
	}
	return nil
}

// confirm waits for the transport, batch by batch in the order of sending.
func (l *line) confirm(ctx context.Context, tickets <-chan sent) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case batch := <-tickets:
			if err := batch.ticket.Wait(ctx); err != nil {
				return fmt.Errorf("send %s up to %d: %w", batch.lane.lane, batch.through, err)
			}
			if err := l.delivered(batch); err != nil {
				return err
			}
		}
	}
}

func (l *line) delivered(batch sent) error {
	moved := false
	l.change(func() {
		now := l.options.Now()
		for _, id := range batch.ids {
			l.marks.sent(id, now)
			if l.config.Confirm == ByTransport {
				l.marks.received(id, now)
			}
		}
		if l.config.Confirm == ByTransport {
			moved = batch.lane.confirm(batch.through)
		}
	})
	if moved {
		return l.save(batch.lane)
	}
	return nil
}

// save keeps the cursor; the journal writes it within 100 ms.
func (l *line) save(lane *laneWindow) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.journal.SaveCursor(l.config.Name, lane.lane, lane.cursor)
}

// watchReceipts sends again what got no receipt in time.
func (l *line) watchReceipts(ctx context.Context) error {
	if l.config.Confirm != ByReceipt {
		return nil
	}
	tick := time.NewTicker(min(confirmEvery, l.config.ReceiptWithin/4))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		l.mu.Lock()
		moved, late := l.window.overdue(l.options.Now().Add(-l.config.ReceiptWithin))
		l.mu.Unlock()
		for _, lane := range moved {
			if err := l.save(lane); err != nil {
				return err
			}
		}
		for _, lane := range late {
			err := fmt.Errorf("no receipt within %s for %s after %d", l.config.ReceiptWithin, lane.lane, lane.cursor)
			l.log.Warn("receipt is overdue: sending again", "err", err)
			l.failed(err)
			l.change(func() {
				l.known.Overdue++
				lane.rewind()
			})
		}
	}
}

// state tells headquarters how the box stands, when it changed.
func (l *line) state(ctx context.Context, session Session) error {
	for {
		changed := l.journal.Changed()
		l.mu.Lock()
		kick := l.kick
		s := State{Online: true, At: At(l.options.Now()), Version: l.options.Version, Epoch: l.epoch, Last: map[Lane]uint64{}, Lag: l.lag()}
		l.mu.Unlock()
		for lane := range maps.Keys(s.Lag) {
			s.Last[lane] = l.journal.LastSequence(lane)
		}
		if err := session.State(ctx, s); err != nil {
			return fmt.Errorf("send state: %w", err)
		}
		pause := time.NewTimer(stateEvery)
		select {
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		case <-pause.C:
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-kick:
		}
	}
}

// lag counts what is not confirmed. l.mu is held.
func (l *line) lag() map[Lane]uint64 {
	lag := map[Lane]uint64{}
	for _, lane := range l.window.lanes {
		lag[lane.lane] = l.journal.LastSequence(lane.lane) - lane.cursor
	}
	return lag
}

func (l *line) status() Status {
	l.mu.Lock()
	s := l.known
	s.Connected, s.Listening = l.connected, l.listening
	s.Lag, s.InFlight = l.lag(), l.window.inFlight()
	lane := l.window.lane(Alarm)
	cursor := uint64(0)
	if lane != nil {
		cursor = lane.cursor
	}
	l.mu.Unlock()
	if lane == nil || s.Lag[Alarm] == 0 {
		return s
	}
	if oldest, err := l.journal.ReadLane(Alarm, cursor, 1); err == nil && len(oldest) == 1 {
		s.OldestUnreceived = oldest[0].Event.RecordedTime
	}
	return s
}

func (l *line) delivery(e *Event) (Delivery, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lane := l.window.lane(e.Lane)
	sequence, err := SequenceNumber(e.Sequence)
	if lane == nil || err != nil || e.Epoch != l.epoch {
		return Delivery{}, false
	}
	d := Delivery{Mark: MarkStored}
	if known, ok := l.marks.byID[e.ID]; ok {
		d = *known
	}
	d.Uplink = l.config.Name
	if sequence <= lane.cursor && (d.Mark == MarkStored || d.Mark == MarkSent) {
		d.Mark = MarkReceived
	}
	return d, true
}

// waitIdle returns when nothing more can be done for a clean end: all is
// confirmed, or the uplink does not take anything.
func (l *line) waitIdle(ctx context.Context) {
	for {
		l.mu.Lock()
		kick := l.kick
		left := uint64(0)
		for _, n := range l.lag() {
			left += n
		}
		idle := left == 0 || !l.ready()
		l.mu.Unlock()
		if idle {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-kick:
		}
	}
}

// outgoing encodes records for this uplink: what it did not ask for goes
// without data.
func (l *line) outgoing(records []Record) ([]Outgoing, error) {
	out := make([]Outgoing, len(records))
	for i := range records {
		event := records[i].Event
		if !l.wants(&event) {
			event = event.Withheld()
		}
		wire, err := event.Encode()
		if err != nil {
			return nil, err
		}
		sequence, err := SequenceNumber(event.Sequence)
		if err != nil {
			return nil, err
		}
		out[i] = Outgoing{ID: event.ID, Epoch: event.Epoch, Lane: event.Lane, Sequence: sequence, Wire: wire}
	}
	return out, nil
}

// wants reports whether the uplink gets the event's data.
func (l *line) wants(e *Event) bool {
	if e.Drill && !l.config.Drills {
		return false
	}
	if len(l.config.Types) > 0 && !slices.Contains(l.config.Types, e.Type) {
		return false
	}
	return len(l.config.Priorities) == 0 || slices.Contains(l.config.Priorities, e.Severity)
}

func ids(out []Outgoing) []string {
	all := make([]string, len(out))
	for i := range out {
		all[i] = out[i].ID
	}
	return all
}
