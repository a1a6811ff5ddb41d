package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

const replaysFile = "replays.json"

// errReplaysFull says that nothing more can wait.
var errReplaysFull = fmt.Errorf("%d ranges are asked for already", replaysMax)

// loadReplays takes up what was asked for before a crash.
func (l *line) loadReplays() error {
	b, err := l.folder.read(replaysFile)
	if err != nil {
		return fmt.Errorf("read requests for replays: %w", err)
	}
	var all []Replay
	if len(b) > 0 && json.Unmarshal(b, &all) != nil {
		l.log.Error("requests for replays cannot be read: headquarters asks again", "file", l.folder.path(replaysFile))
	}
	for _, r := range all {
		if r.Epoch == l.epoch && l.window.lane(r.Lane) != nil && len(l.replays) < replaysMax*len(l.window.lanes) {
			l.replays = append(l.replays, r)
		}
	}
	return nil
}

// queueReplay takes a request, and returns when a crash cannot lose it. One
// that lies within a range that waits is answered with that, unless some of it
// has gone already: headquarters asks for that again. Beyond what may
// wait of a lane it is joined with the range that is nearest, and what lies
// between comes too: a request that had to come again would hold back whatever
// a broker has behind it, receipts and presence among them. With rather none it
// is errReplaysFull instead.
func (l *line) queueReplay(r Replay, ratherNone bool) error {
	if r.Epoch != l.epoch || l.window.lane(r.Lane) == nil {
		l.log.Warn("replay of what this uplink does not carry", "epoch", r.Epoch, "lane", r.Lane)
		l.change(func() { l.known.Refused++ })
		return &MessageError{Kind: KindReplay, Reason: fmt.Sprintf("epoch %q lane %q: not carried by this uplink now", r.Epoch, r.Lane)}
	}
	l.keeping.Lock()
	defer l.keeping.Unlock()
	l.mu.Lock()
	list, gone := slices.Clone(l.replays), l.replaying
	l.mu.Unlock()
	for i, w := range list {
		if w.Lane == r.Lane && w.From <= r.From && r.To <= w.To && (i > 0 || gone < r.From) {
			return nil
		}
	}
	near, full := nearest(list, r)
	switch {
	case full && ratherNone:
		return errReplaysFull
	case full:
		list[near] = list[near].with(r)
		l.log.Warn("many replays are asked for: two are joined", "lane", r.Lane, "from", list[near].From, "to", list[near].To)
	default:
		list = append(list, r)
	}
	if err := l.keepReplays(list); err != nil {
		return err
	}
	l.change(func() {
		if len(l.replays) > 0 {
			list[0] = l.replays[0] // it has come further meanwhile
		}
		l.replays = list
	})
	return nil
}

// nearest is the range of the lane that grows least with the request; full says
// that no more may wait. The first is being answered and does not grow.
func nearest(list []Replay, r Replay) (at int, full bool) {
	n, least := 0, uint64(math.MaxUint64)
	for i, w := range list {
		if w.Lane != r.Lane {
			continue
		}
		n++
		both := w.with(r)
		if grows := (both.To - both.From) - (w.To - w.From); i > 0 && grows < least {
			at, least = i, grows
		}
	}
	return at, n >= replaysMax
}

// with is the range over both.
func (r Replay) with(other Replay) Replay {
	r.From, r.To = min(r.From, other.From), max(r.To, other.To)
	return r
}

// keepReplays writes what waits. l.keeping is held.
func (l *line) keepReplays(list []Replay) error {
	b, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return l.folder.replace(replaysFile, b, true)
}

// replayed forgets the oldest request. One that cannot be forgotten on the
// disk is answered once more after a restart.
func (l *line) replayed() {
	l.keeping.Lock()
	defer l.keeping.Unlock()
	l.mu.Lock()
	l.replays, l.replaying = slices.Delete(l.replays, 0, 1), 0
	list := slices.Clone(l.replays)
	l.mu.Unlock()
	if err := l.keepReplays(list); err != nil {
		l.log.Warn("an answered replay is not forgotten: it is answered again after a restart", "err", err)
	}
}

// replay answers requests for a range, one after the other, never faster than
// its rate: what happens now goes before what is asked for again.
func (l *line) replay(ctx context.Context, session Session) error {
	for {
		l.mu.Lock()
		kick, ready := l.kick, l.ready() && len(l.replays) > 0
		var r Replay
		if l.replaying = 0; ready {
			r = l.replays[0]
		}
		l.mu.Unlock()
		if ready {
			if err := l.answer(ctx, session, r); err != nil {
				return err
			}
			l.replayed()
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-kick:
		}
	}
}

// answer sends one range. A break in the middle goes on where it was.
func (l *line) answer(ctx context.Context, session Session, r Replay) error {
	pace := time.NewTicker(time.Second * batchEventsMax / replayPerSecond)
	defer pace.Stop()
	to, size := min(r.To, l.journal.LastSequence(r.Lane)), uint64(batchEventsMax)
	for after := r.From - 1; after < to; {
		records, out, err := l.next(r.Lane, after, int(min(size, to-after)))
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.replaying = out[len(out)-1].Sequence
		l.mu.Unlock()
		ticket, err := session.Send(ctx, Batch{Way: WayReplay, Lane: r.Lane, Request: r.Request, Events: out})
		var refused *EventError
		switch {
		case errors.As(err, &refused) && len(out) > 1:
			size = uint64(len(out) / 2)
			continue
		case errors.As(err, &refused) && l.withhold(&records[0].Event):
			continue // it goes without data
		case errors.As(err, &refused):
			l.log.Error("replay of an event refused", "event", out[0].ID, "reason", refused.Reason)
		case err == nil:
			err = ticket.Wait(ctx)
		}
		if err != nil && refused == nil {
			return fmt.Errorf("send replay of %s after %d: %w", r.Lane, after, err)
		}
		after, size = out[len(out)-1].Sequence, min(batchEventsMax, 2*size)
		l.mu.Lock()
		l.replays[0].From = after + 1
		l.mu.Unlock()
		if after >= to {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pace.C:
		}
	}
	l.log.Info("replay sent", "request", r.Request, "lane", r.Lane, "from", r.From, "to", to)
	return nil
}
