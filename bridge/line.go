package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
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
	resends chan resend
	folder  folder

	keeping sync.Mutex // over the file of replays; before mu

	mu        sync.Mutex
	window    *window
	marks     *marks
	trail     *trail
	known     Status // but for what is computed
	connected bool
	listening bool
	kick      chan struct{} // closed when any of the above changed
	epoch     string
	nowAfter  uint64          // the alarm lane's cursor when the line became ready: behind it "now" begins
	awaited   *Outgoing       // sent again and without a receipt
	replays   []Replay        // asked for, oldest first
	replaying uint64          // of the first of them, what was handed to the session, up to here
	aside     map[string]bool // events that headquarters refused: they go without data

	older      []OlderReader // go first; set once, with olderKnown
	olderKnown bool
	olderBatch *olderBatch // on its way
}

func newLine(o Options, u UplinkConfig) (*line, error) {
	l := &line{
		options: o, config: u, journal: o.Journal, log: o.Logger.With("uplink", u.Name),
		resends: make(chan resend), folder: o.folder(u.Name), aside: map[string]bool{},
		window: newWindow(windowEventsMax, u.Lanes), marks: newMarks(marksMax), trail: newTrail(o.Logger.With("uplink", u.Name)),
		known: Status{Name: u.Name, Since: At(o.Now())}, kick: make(chan struct{}), epoch: o.Journal.Epoch(),
	}
	for _, lane := range l.window.lanes {
		cursor, err := l.journal.Cursor(u.Name, lane.lane)
		if err != nil {
			return nil, err
		}
		lane.cursor, lane.sent = cursor, cursor
	}
	if err := l.folder.make(); err != nil {
		return nil, err
	}
	if err := errors.Join(l.loadReplays(), l.trail.load(l.folder, l.epoch, l.window.lanes)); err != nil {
		return nil, err
	}
	return l, nil
}

// change runs a change of the line's state and tells everybody who waits.
func (l *line) change(what func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.ready()
	what()
	if alarms := l.window.lane(Alarm); alarms != nil && !before && l.ready() {
		l.nowAfter = alarms.cursor
	}
	l.wake()
}

// wake tells everybody who waits that something changed. l.mu is held.
func (l *line) wake() {
	close(l.kick)
	l.kick = make(chan struct{})
}

// run keeps sessions until ctx ends. Waits have full jitter: after an outage a
// city's stations must not come back in step.
func (l *line) run(ctx context.Context) {
	defer l.keepTimes()()
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

// keepTimes writes the trail once a second until the function that it gives is
// called.
func (l *line) keepTimes() (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	flush := func() {
		l.mu.Lock()
		content, whole := l.trail.unsaved()
		l.mu.Unlock()
		l.trail.save(content, whole)
	}
	go func() {
		defer close(done)
		tick := time.NewTicker(trailFlush)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				flush()
				_ = l.trail.close() // written already
				return
			case <-tick.C:
				flush()
			}
		}
	}()
	return func() { close(ended); <-done }
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
	group.Go(func() error { return l.resend(inner, session) })
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
		for _, j := range l.older {
			if at, err := j.Cursor(l.config.Name, lane.lane); err == nil {
				lag[lane.lane] += j.LastSequence(lane.lane) - at
			}
		}
	}
	return lag
}

func (l *line) status() Status {
	l.mu.Lock()
	s := l.known
	s.Connected, s.Listening = l.connected, l.ready()
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
	oldest, err := l.journal.ReadLane(Alarm, cursor, 1)
	var hole *RetiredError
	if errors.As(err, &hole) { // the oldest that is still kept
		oldest, err = l.journal.ReadLane(Alarm, hole.Through, 1)
	}
	if err == nil && len(oldest) == 1 {
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
	l.recallTimes(&d, e, sequence)
	if sequence <= lane.cursor && (d.Mark == MarkStored || d.Mark == MarkSent) {
		d.Mark = MarkReceived
	}
	return d, true
}

// recallTimes adds what was written beside the cursor. l.mu is held.
func (l *line) recallTimes(d *Delivery, e *Event, sequence uint64) {
	first := l.trail.ids[e.ID]
	if d.Sent.IsZero() {
		d.Sent = first.Sent
	}
	if d.Received.IsZero() {
		d.Received = first.Received
	}
	if d.Sent.IsZero() {
		d.Sent = l.trail.at(e.Lane, MarkSent, sequence)
	}
	if d.Received.IsZero() {
		d.Received = l.trail.at(e.Lane, MarkReceived, sequence)
	}
	switch {
	case d.Mark == MarkStored && !d.Received.IsZero(), d.Mark == MarkSent && !d.Received.IsZero():
		d.Mark = MarkReceived
	case d.Mark == MarkStored && !d.Sent.IsZero():
		d.Mark = MarkSent
	}
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
