package bridge

import (
	"context"
	"errors"
	"fmt"
)

// ErrNoUplink says that there is no such uplink, or that it does not carry the
// event's lane.
var ErrNoUplink = errors.New("uplink does not carry it")

// ErrNotReady says that headquarters cannot be reached now.
var ErrNotReady = errors.New("headquarters is not there")

// resend is one event that somebody wants to go again.
type resend struct {
	ctx    context.Context
	record Record
	done   chan error // has room
}

// Resend sends one event of the journal again, beside its lane, and returns
// when headquarters has it by the uplink's way of confirming. An *EventError
// says that it was refused again, ErrNotReady that nobody is there to take it,
// ErrNoUplink that it never will be; after ctx's error it may have been taken.
func (f *Forwarder) Resend(ctx context.Context, uplink string, r Record) error {
	for _, l := range f.lines {
		if l.config.Name != uplink || l.window.lane(r.Event.Lane) == nil {
			continue
		}
		if err := l.again(ctx, r); err != nil {
			return fmt.Errorf("send event %s to %s again: %w", r.Event.ID, uplink, err)
		}
		return nil
	}
	return fmt.Errorf("send event %s to %s again: %w", r.Event.ID, uplink, ErrNoUplink)
}

func (l *line) again(ctx context.Context, r Record) error {
	l.mu.Lock()
	ready := l.ready()
	l.mu.Unlock()
	if !ready {
		return ErrNotReady
	}
	asked := resend{ctx: ctx, record: r, done: make(chan error, 1)}
	select {
	case l.resends <- asked:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-asked.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// resend serves a session's requests, one after the other.
func (l *line) resend(ctx context.Context, session Session) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case asked := <-l.resends:
			err := l.sendAgain(ctx, session, asked)
			asked.done <- err
			var refused *EventError
			if err != nil && !errors.As(err, &refused) && asked.ctx.Err() == nil {
				return err // the session's fault
			}
		}
	}
}

func (l *line) sendAgain(ctx context.Context, session Session, asked resend) error {
	out, err := l.outgoing([]Record{asked.record}, true)
	if err != nil {
		return err
	}
	id := out[0].ID
	l.mu.Lock()
	l.marks.of(id) // or its receipt would be of an event that nobody remembers
	l.awaited = &out[0]
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.awaited = nil
		l.mu.Unlock()
	}()
	ticket, err := session.Send(ctx, Batch{Way: WayReplay, Lane: out[0].Lane, Request: "again-" + id, Events: out})
	if err == nil {
		err = ticket.Wait(ctx)
	}
	if err != nil {
		return err
	}
	l.change(func() {
		delete(l.aside, id)
		l.marks.sent(id, l.options.Now())
		if l.config.Confirm == ByTransport {
			l.marks.received(id, l.options.Now())
		}
	})
	for {
		l.mu.Lock()
		seen, kick := l.marks.of(id).seen(), l.kick
		l.mu.Unlock()
		if seen {
			return nil
		}
		select {
		case <-kick:
		case <-asked.ctx.Done():
			return asked.ctx.Err()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
