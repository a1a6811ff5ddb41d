package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// handler is a line as its session sees it.
type handler struct{ line *line }

var _ Handler = handler{}

// Presence implements Handler. Headquarters that comes back may have missed
// what was on its way: it is sent again at once, from the cursor.
func (h handler) Presence(listening bool) {
	l := h.line
	l.change(func() {
		if listening && !l.listening && l.config.Confirm == ByReceipt {
			l.window.rewind()
		}
		l.listening = listening
	})
	l.log.Info("headquarters", "listening", listening)
}

// Receive implements Handler. What cannot be read would not be read the next
// time either: it is counted and acknowledged.
func (h handler) Receive(ctx context.Context, kind MessageKind, payload []byte) error {
	err := h.line.message(ctx, kind, payload)
	var unread *MessageError
	if errors.As(err, &unread) {
		return nil
	}
	return err
}

// MessageError says that a message from above can never be taken as it is.
type MessageError struct {
	Kind   MessageKind
	Reason string
}

func (e *MessageError) Error() string { return fmt.Sprintf("%s from above: %s", e.Kind, e.Reason) }

// Take is what a transport's Receive does, for a headquarters that calls the
// station by itself. After nil it is stored. A *MessageError says that it never
// will be, ErrNoUplink that there is no such uplink; after every other error it
// has to come again.
func (f *Forwarder) Take(ctx context.Context, uplink string, kind MessageKind, payload []byte) error {
	for _, l := range f.lines {
		if l.config.Name == uplink {
			return l.message(ctx, kind, payload)
		}
	}
	return fmt.Errorf("take %s from %s: %w", kind, uplink, ErrNoUplink)
}

// Repeat sends a record once more beside its lane, when there is time for it:
// headquarters asked for something that this answered before.
func (f *Forwarder) Repeat(uplink string, r Record) error {
	sequence, err := SequenceNumber(r.Event.Sequence)
	if err != nil {
		return err
	}
	for _, l := range f.lines {
		if l.config.Name == uplink {
			return l.queueReplay(Replay{Request: "repeat-" + r.Event.ID, Epoch: r.Event.Epoch, Lane: r.Event.Lane, From: sequence, To: sequence}, true)
		}
	}
	return fmt.Errorf("repeat event %s to %s: %w", r.Event.ID, uplink, ErrNoUplink)
}

func (l *line) message(ctx context.Context, kind MessageKind, payload []byte) error {
	switch kind {
	case KindReceipt:
		receipt, err := DecodeReceipt(payload)
		if err != nil {
			return l.malformed(kind, err)
		}
		return l.receipt(ctx, receipt, payload)
	case KindReplay:
		request, err := DecodeReplay(payload)
		if err != nil {
			return l.malformed(kind, err)
		}
		return l.queueReplay(request, false)
	case KindTask, KindIncident: // whatever it is, it is answered
		return l.options.Down(ctx, Message{Uplink: l.config.Name, Kind: kind, Payload: payload})
	}
	return l.malformed(kind, errors.New("unknown kind"))
}

// malformed counts what cannot be read.
func (l *line) malformed(kind MessageKind, why error) error {
	l.change(func() { l.known.Malformed++ })
	l.log.Warn("message from above cannot be read", "kind", kind, "err", why)
	return &MessageError{Kind: kind, Reason: why.Error()}
}

// DecodeReceipt reads a receipt: by id, or by epoch, lane and through.
func DecodeReceipt(b []byte) (Receipt, error) {
	var r Receipt
	if err := json.Unmarshal(b, &r); err != nil {
		return Receipt{}, fmt.Errorf("decode receipt: %w", err)
	}
	if r.Result != Received && r.Result != Accepted && r.Result != Rejected {
		return Receipt{}, fmt.Errorf("decode receipt: result %q; want %s, %s or %s", r.Result, Received, Accepted, Rejected)
	}
	if r.ID == "" && (r.Epoch == "" || r.Lane.Code() == 0 || r.Through == 0) {
		return Receipt{}, fmt.Errorf("decode receipt: want an id, or epoch, lane and through")
	}
	return r, nil
}

// DecodeReplay reads a request for a range.
func DecodeReplay(b []byte) (Replay, error) {
	var r Replay
	if err := json.Unmarshal(b, &r); err != nil {
		return Replay{}, fmt.Errorf("decode replay: %w", err)
	}
	if !r.Lane.Forwarded() {
		return Replay{}, fmt.Errorf("decode replay: lane %q; want %s, %s or %s", r.Lane, Alarm, Notice, Clip)
	}
	if r.From == 0 || r.To < r.From {
		return Replay{}, fmt.Errorf("decode replay: from %d to %d; want sequence numbers, the first from 1 on and the last not below it", r.From, r.To)
	}
	return r, nil
}

// receipt moves the cursor, marks the event, and hands a person's word to the
// room.
func (l *line) receipt(ctx context.Context, r Receipt, payload []byte) error {
	ours := r.Epoch == "" || r.Epoch == l.epoch
	var err error
	l.change(func() {
		l.receiptOfOlder(r)
		if !ours {
			return
		}
		if moved := l.mark(r); moved != nil {
			err = l.save(moved)
		}
	})
	if err != nil {
		return err
	}
	if r.Result == Received || !ours && r.ID == "" {
		return nil // of an older epoch only a person's word on one event is news
	}
	return l.options.Down(ctx, Message{Uplink: l.config.Name, Kind: KindReceipt, Receipt: &r, Payload: payload})
}

// mark takes a receipt into window and marks and gives the lane whose cursor
// moved. l.mu is held.
func (l *line) mark(r Receipt) *laneWindow {
	now := l.options.Now()
	if r.Result == Rejected {
		l.known.Rejected++
	}
	if r.ID != "" {
		l.marks.received(r.ID, now)
		if d := l.marks.byID[r.ID]; d != nil && l.window.now[r.ID] {
			l.trail.overtook(r.ID, d.Sent, d.Received)
		}
		if r.Result != Received {
			l.marks.judged(r, now)
		}
		return l.window.confirmID(r.ID)
	}
	lane := l.window.lane(r.Lane)
	if lane == nil {
		return nil
	}
	through := min(r.Through, l.journal.LastSequence(r.Lane))
	if a := l.awaited; a != nil && a.Lane == r.Lane && a.Sequence <= through {
		l.marks.received(a.ID, now)
	}
	for i := range lane.flight {
		if lane.flight[i].sequence <= through {
			l.marks.received(lane.flight[i].id, now)
		}
	}
	if lane.confirm(through) {
		return lane
	}
	return nil
}
