package blind

import (
	"fmt"
	"time"
)

// Kinds of blindness that are accounted for here; vision knows others.
const (
	Unseen     = "unseen"     // no picture came
	Unrecorded = "unrecorded" // nothing is on the disk
	Unanalysed = "unanalysed" // nothing was looked at
)

// Cause is why, in one word that other programs can rely on.
type Cause string

// The causes. Plan is what the configuration wants: it is told, and no alarm.
const (
	Box    Cause = "box"    // the box was not running
	Camera Cause = "camera" // the camera gave no picture
	Disk   Cause = "disk"   // the disk took nothing
	Load   Cause = "load"   // the box was too slow
	Clock  Cause = "clock"  // the box's clock was set forward
	Plan   Cause = "plan"   // switched off by the configuration
)

// pendingMax bounds what waits to be told, of one track.
const pendingMax = 256

// causeSettled is how long another cause must last before an open interval is
// told as two.
const causeSettled = 5 * time.Second

// Interval is a stretch of blindness. To is zero in the word that opens it; the
// word that closes it names both ends.
type Interval struct {
	From, To time.Time
	Cause    Cause
	Why      string
	// Opened says that From was told before, in a word without To.
	Opened bool
}

// Span is a stretch that is covered.
type Span struct{ From, To time.Time }

// Track is the account of one kind of one camera. One goroutine at a time.
type Track struct {
	join, patience time.Duration
	until          time.Time // everything before is covered, or told
	open           *Interval
	out            []Interval // to be told, oldest first
	total          time.Duration

	// The last step of the clock, until something was covered by the new one.
	stepFrom, stepTo time.Time
	other            Cause     // of Miss, while it is not that of open
	since            time.Time // of other
}

// NewTrack makes a track on which a pause of at most join is none. A longer
// one is told as open after patience, which is at least join: a word about
// what is covered may come so late.
func NewTrack(join, patience time.Duration) *Track {
	return &Track{join: join, patience: max(join, patience)}
}

func ms(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// Resume begins the account after a stop of the box. until is where it ended:
// before, all was covered or told; zero when that is not known. covered is what
// is known to be covered since; open is the interval that was told as open, if
// any; now is when the box began again.
func (t *Track) Resume(until time.Time, open *Interval, covered []Span, now time.Time) {
	now = ms(now)
	if open != nil {
		t.open = &Interval{From: ms(open.From), Cause: open.Cause, Why: open.Why, Opened: true}
		until = later(ms(until), t.open.From)
	}
	if until.IsZero() {
		if len(covered) == 0 {
			t.until = now
			return
		}
		until = covered[0].From
	}
	t.until = ms(until)
	for _, s := range covered {
		if s.To.After(until) {
			t.Cover(later(s.From, until), s.To, Box, "the box was not running")
		}
	}
	if t.open == nil && now.Sub(t.until) > t.join {
		t.tell(Interval{From: t.until, To: now, Cause: Box, Why: "the box was not running"})
	}
	t.until = now
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Cover says that everything from from to to is covered. Cause and why are of
// a gap before it that was not open yet.
func (t *Track) Cover(from, to time.Time, cause Cause, why string) {
	from, to = ms(from), ms(to)
	switch {
	case t.open != nil:
		t.close(from)
	case t.until.IsZero():
	case from.Sub(t.until) > t.join:
		if t.behindStep(from) && t.stepTo.After(t.stepFrom) {
			cause, why = Clock, "the box's clock was set forward"
		}
		t.tell(Interval{From: t.until, To: from, Cause: cause, Why: why})
	}
	t.until = to
	if t.behindStep(from) {
		t.stepFrom, t.stepTo = time.Time{}, time.Time{}
	}
}

// behindStep tells whether a time was taken by the clock as it is after the
// last step: what was on its way at the step still has the old time.
func (t *Track) behindStep(at time.Time) bool {
	return !t.stepTo.IsZero() && at.Sub(t.stepTo).Abs() < at.Sub(t.stepFrom).Abs()
}

// Miss says that nothing came since the last Cover, as of now; an interval is
// open once that lasts longer than the track's patience. When another cause
// takes over, the open interval is told as two.
func (t *Track) Miss(now time.Time, cause Cause, why string) {
	now = ms(now)
	if t.open == nil {
		from := t.until
		if from.After(now) && t.stepTo.Before(t.stepFrom) {
			from = t.stepTo
		}
		if from.IsZero() {
			from = now
		}
		if now.Sub(from) > t.patience {
			t.begin(Interval{From: from, Cause: cause, Why: why})
		}
		return
	}
	if cause == t.open.Cause {
		t.other = ""
		return
	}
	if cause != t.other {
		t.other, t.since = cause, now
		return
	}
	if now.Sub(t.since) >= causeSettled {
		at := t.since
		t.close(at)
		t.begin(Interval{From: at, Cause: cause, Why: why})
	}
}

// Step says that the wall clock was set from one time to another.
func (t *Track) Step(from, to time.Time) {
	from, to = ms(from), ms(to)
	if t.open == nil {
		t.stepFrom, t.stepTo = from, to
		return
	}
	if to.After(from) {
		return // the open interval contains the step
	}
	again := *t.open
	t.close(from)
	again.From, again.Opened = to, false
	t.until = to
	t.begin(again)
}

func (t *Track) begin(i Interval) {
	i.Opened = false
	t.tell(i)
	i.Opened = true
	t.open, t.other = &i, ""
}

// close ends the open interval. What began before it had begun (a late word of
// the disk) leaves nothing of it.
func (t *Track) close(at time.Time) {
	i := *t.open
	i.To = later(at, i.From)
	t.open, t.other = nil, ""
	t.tell(i)
}

func (t *Track) tell(i Interval) {
	if !i.To.IsZero() {
		t.total += i.To.Sub(i.From)
	}
	t.out = append(t.out, i)
	if len(t.out) > pendingMax {
		t.fold()
	}
}

// fold makes one word of the older half of what waits, but for the first,
// which may be on its way. The word may close what was told as open.
func (t *Track) fold() {
	n := pendingMax / 2
	for t.out[n-1].To.IsZero() { // what opens stays beside what closes it
		n++
	}
	one := t.out[1]
	for _, i := range t.out[2:n] {
		one.To = later(one.To, i.To)
	}
	one.Why = fmt.Sprintf("%s; told as one with %d more, for the journal took none", one.Why, n-2)
	t.out = append([]Interval{t.out[0], one}, t.out[n:]...)
}

// Pending is what is to be told, oldest first.
func (t *Track) Pending() []Interval { return t.out }

// Told drops the first of Pending.
func (t *Track) Told() { t.out = t.out[1:] }

// Until is up to when everything is covered or told: to be kept over a stop.
func (t *Track) Until() time.Time {
	if len(t.out) > 0 {
		return t.out[0].From
	}
	return t.until
}

// Blind is how long the track was blind since it began, as of now.
func (t *Track) Blind(now time.Time) time.Duration {
	if t.open == nil {
		return t.total
	}
	return t.total + max(0, ms(now).Sub(t.open.From))
}
