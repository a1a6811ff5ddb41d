package bridge

import (
	"slices"
	"time"
)

// window is what one uplink has been sent and has not confirmed, and from it
// the cursor of each lane. It is a plain value: its owner locks.
type window struct {
	max   int // events in flight, all lanes together
	lanes []*laneWindow
	// now holds the ids whose copy on the way "now" awaits its receipt: that
	// receipt is for the copy and does not say that the lane has arrived.
	now map[string]bool
}

type laneWindow struct {
	lane   Lane
	cursor uint64 // confirmed up to here
	sent   uint64 // handed to the session up to here
	flight []flight
}

// flight is an event between sent and confirmed.
type flight struct {
	sequence  uint64
	id        string
	at        time.Time // handed over
	confirmed bool
	seen      bool // headquarters has it, by its copy from "now" or from before a break
}

func newWindow(limit int, lanes []Lane) *window {
	w := &window{max: limit, now: map[string]bool{}}
	for _, lane := range Lanes() { // highest first, whatever the order given
		if slices.Contains(lanes, lane) {
			w.lanes = append(w.lanes, &laneWindow{lane: lane})
		}
	}
	return w
}

func (w *window) lane(lane Lane) *laneWindow {
	for _, l := range w.lanes {
		if l.lane == lane {
			return l
		}
	}
	return nil
}

func (w *window) inFlight() int {
	n := 0
	for _, l := range w.lanes {
		n += len(l.flight)
	}
	return n
}

// next is the highest lane with something to send and how much fits; nil when
// there is nothing, or no room.
func (w *window) next(last func(Lane) uint64) (*laneWindow, int) {
	room := w.max - w.inFlight()
	if room <= 0 {
		return nil, 0
	}
	for _, l := range w.lanes {
		if l.sent < last(l.lane) {
			return l, room
		}
	}
	return nil, 0
}

func (l *laneWindow) add(f flight) {
	l.flight = append(l.flight, f)
	l.sent = f.sequence
}

// confirm marks the events up to and including the sequence and reports
// whether the cursor moved. A sequence beyond what was sent in this session is
// true as well: its receipt comes from an earlier one.
func (l *laneWindow) confirm(through uint64) bool {
	for i := range l.flight {
		if l.flight[i].sequence <= through {
			l.flight[i].confirmed = true
		}
	}
	moved := l.advance()
	if through > l.cursor && (len(l.flight) == 0 || l.flight[0].sequence > through) {
		l.cursor, moved = through, true
		l.sent = max(l.sent, through)
	}
	return moved
}

// advance moves the cursor over all that is confirmed without a hole.
func (l *laneWindow) advance() bool {
	n := 0
	for n < len(l.flight) && l.flight[n].confirmed {
		l.cursor = l.flight[n].sequence
		n++
	}
	l.flight = slices.Delete(l.flight, 0, n)
	return n > 0
}

// confirmID takes a receipt by id and gives the lane whose cursor moved.
func (w *window) confirmID(id string) *laneWindow {
	forNow := w.now[id]
	delete(w.now, id)
	for _, l := range w.lanes {
		for i := range l.flight {
			if l.flight[i].id != id {
				continue
			}
			if forNow {
				l.flight[i].seen = true
				return nil
			}
			l.flight[i].confirmed = true
			if l.advance() {
				return l
			}
			return nil
		}
	}
	return nil
}

// sentNow remembers a copy on the way "now". The number is bounded: a receipt
// that is forgotten here is taken for its lane's, at worst a gap that
// headquarters asks for.
func (w *window) sentNow(id string) {
	if len(w.now) >= nowAwaitedMax {
		clear(w.now)
	}
	w.now[id] = true
}

// notNow says that no copy went on the way "now" after all, and reports whether
// a cursor moved: by a receipt that was taken for that copy's.
func (w *window) notNow(id string) bool {
	if w.now[id] {
		delete(w.now, id)
		return false
	}
	moved := false
	for _, l := range w.lanes {
		for i := range l.flight {
			if l.flight[i].id == id && l.flight[i].seen {
				l.flight[i].confirmed = true
			}
		}
		moved = l.advance() || moved
	}
	return moved
}

// overdue gives the lanes whose oldest event has waited since before. An event
// that headquarters has seen by "now", and answered once, counts as confirmed
// by then: not every headquarters answers each copy.
func (w *window) overdue(before time.Time) (moved, late []*laneWindow) {
	for _, l := range w.lanes {
		for i := range l.flight {
			if l.flight[i].seen && l.flight[i].at.Before(before) {
				l.flight[i].confirmed = true
			}
		}
		if l.advance() {
			moved = append(moved, l)
		}
		if len(l.flight) > 0 && l.flight[0].at.Before(before) {
			late = append(late, l)
		}
	}
	return moved, late
}

// unsend takes back what was added after the sequence: the session refused it.
// Rewound meanwhile, the lane begins before it already.
func (l *laneWindow) unsend(after uint64) {
	if l.sent <= after {
		return
	}
	l.flight = slices.DeleteFunc(l.flight, func(f flight) bool { return f.sequence > after })
	l.sent = after
}

// rewind forgets what is in flight: it is sent again from the cursor on.
func (l *laneWindow) rewind() {
	l.flight = nil
	l.sent = l.cursor
}

func (w *window) rewind() {
	for _, l := range w.lanes {
		l.rewind()
	}
	clear(w.now)
}
