package clip

import (
	"errors"
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/ingest"
)

// ErrNothing says that no picture of the interval is held or recorded.
var ErrNothing = errors.New("nothing is held of this interval")

// gapMin is the shortest pause that is listed as a gap when no loss is known:
// cameras in the dark halve their rate.
const gapMin = ingest.ClockRate / 2

// Gap is a stretch of a clip without pictures. The picture before it stands
// still, so that the clip's time stays wall time.
type Gap struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Why  string    `json:"why"`
}

// Reasons of gaps.
const (
	whyDown      = "box was down"
	whyReconnect = "camera reconnected"
	whyDropped   = "units dropped"
	whySilent    = "camera sent nothing"
)

// plan is a cut, decided: which samples go in, when each is decoded and
// shown, and what of it is presented. Times are ticks of ingest.ClockRate
// since zero, which is when the first sample's picture was captured.
type plan struct {
	samples []media.Sample
	dts     []int64 // of each sample, rising
	pts     []int64
	zero    time.Time
	nominal int64
	start   int64 // presented from here
	end     int64 // to here
	gaps    []Gap
	unsure  time.Duration
	shifts  map[runKey]int64 // from a run's PTS to the clip's
	sound   *soundPlan       // nil: there is none
	stamp   []byte           // what the file says of itself
}

// From is when the first presented picture was captured.
func (p *plan) From() time.Time { return p.zero.Add(media.Duration(p.start)) }

// To is when the last presented picture ends.
func (p *plan) To() time.Time { return p.zero.Add(media.Duration(p.end)) }

// makePlan decides the cut of an interval out of what was gathered. It begins
// with the picture that stood at from (or the first after it) and ends with
// the one that stood at to.
func makePlan(gathered []media.Sample, from, to time.Time) (*plan, error) {
	pictures, sounds := media.Split(gathered)
	samples := order(pictures)
	if len(samples) == 0 {
		return nil, ErrNothing
	}
	p := &plan{samples: samples, zero: samples[0].Captured, nominal: media.Nominal(samples)}
	p.lay()
	if !p.bound(media.Ticks(from.Sub(p.zero)), media.Ticks(to.Sub(p.zero))) {
		return nil, ErrNothing
	}
	p.findGaps(to)
	p.addForeign()
	p.sound = p.laySound(sounds)
	return p, nil
}

type runKey struct {
	boot uint64
	run  uint32
}

// order brings samples from several sources into decoding order: each once,
// run after run, each run and each stretch after a loss from a key unit on.
func order(in []media.Sample) []media.Sample {
	runs := map[runKey][]media.Sample{}
	for _, s := range in {
		k := runKey{s.Boot, s.Run}
		runs[k] = append(runs[k], s)
	}
	list := make([][]media.Sample, 0, len(runs))
	for _, run := range runs {
		slices.SortStableFunc(run, func(a, b media.Sample) int { return int(max(-1, min(1, a.DTS-b.DTS))) })
		run = slices.CompactFunc(run, func(a, b media.Sample) bool { return a.DTS == b.DTS })
		list = append(list, run)
	}
	slices.SortFunc(list, func(a, b []media.Sample) int { return a[0].Captured.Compare(b[0].Captured) })
	var out []media.Sample
	for _, run := range list {
		nominal := media.Nominal(run)
		wait := true
		for i, s := range run {
			if i > 0 && s.DTS-run[i-1].DTS > nominal*3/2 && (s.Lost || s.DTS-run[i-1].DTS > gapMin) {
				wait = true // what was lost may be what this picture is made from
			}
			if wait && !s.Key {
				continue
			}
			wait = false
			out = append(out, s)
		}
	}
	return out
}

// lay gives every sample its place on the clip's one time line: within a run
// by the camera's clock, from run to run by when they were captured. Decoding
// times rise, whatever clocks did.
func (p *plan) lay() {
	p.dts, p.pts = make([]int64, len(p.samples)), make([]int64, len(p.samples))
	var shift int64 // from the run's PTS to the clip's
	p.shifts = map[runKey]int64{}
	for i := range p.samples {
		s := &p.samples[i]
		if i == 0 || !sameRun(s, &p.samples[i-1]) {
			shift = media.Ticks(s.Captured.Sub(p.zero)) - s.PTS
			if i > 0 {
				shift = max(shift, p.dts[i-1]+p.nominal-s.DTS)
			}
			p.shifts[runKey{s.Boot, s.Run}] = shift
		}
		p.pts[i], p.dts[i] = s.PTS+shift, s.DTS+shift
		if i > 0 && p.dts[i] <= p.dts[i-1] {
			p.dts[i] = p.dts[i-1] + 1
		}
		p.pts[i] = max(p.pts[i], p.dts[i])
		p.unsure = max(p.unsure, s.Uncertainty)
	}
}

func sameRun(a, b *media.Sample) bool { return a.Boot == b.Boot && a.Run == b.Run }

// bound chooses the samples and what of them is presented.
func (p *plan) bound(from, to int64) bool {
	key := 0
	for i := range p.samples {
		if p.samples[i].Key && p.pts[i] <= from {
			key = i
		}
	}
	last := -1
	for i := key; i < len(p.samples); i++ {
		if p.pts[i] < to {
			last = i
		}
	}
	if last < 0 {
		return false
	}
	p.end = p.endOf(last, to)
	shown := p.firstShown(key, from)
	if shown < 0 || p.pts[shown] >= p.end {
		return false
	}
	for i := shown; i >= key; i-- {
		if p.samples[i].Key {
			key = i
			break
		}
	}
	p.start = p.pts[shown]
	p.samples, p.pts, p.dts = p.samples[key:last+1], p.pts[key:last+1], p.dts[key:last+1]
	return true
}

// firstShown is the picture that stood at from, or the first one after it when
// none did. Pictures shown before their key unit cannot be decoded from it.
func (p *plan) firstShown(key int, from int64) int {
	before, after := -1, -1
	floor := p.pts[key]
	for i := key; i < len(p.samples); i++ {
		t := p.pts[i]
		if t >= floor && t <= from && (before < 0 || t > p.pts[before]) {
			before = i
		}
		if t >= floor && t > from && (after < 0 || t < p.pts[after]) {
			after = i
		}
	}
	if before < 0 {
		return after
	}
	stands := p.nominal * 3 / 2
	if after >= 0 && p.pts[after]-p.pts[before] < gapMin {
		stands = p.pts[after] - p.pts[before]
	}
	if from-p.pts[before] >= stands {
		return after
	}
	return before
}

// endOf is when the last picture before to ends: where the next one begins,
// or after the usual time.
func (p *plan) endOf(last int, to int64) int64 {
	var shown int64 = -1 << 62
	for i := range p.samples[:last+1] {
		if p.pts[i] < to {
			shown = max(shown, p.pts[i])
		}
	}
	next := shown + gapMin
	for _, t := range p.pts {
		if t > shown {
			next = min(next, t)
		}
	}
	if next < shown+gapMin {
		return next
	}
	return shown + p.nominal
}

// findGaps lists the pauses within what is presented, and the one at its end.
func (p *plan) findGaps(to time.Time) {
	shown := p.pts[0] // the latest picture so far
	for i := 1; i < len(p.samples); i++ {
		a, b := &p.samples[i-1], &p.samples[i]
		step := p.dts[i] - p.dts[i-1]
		same := sameRun(a, b)
		gap := step > max(gapMin, 3*p.nominal) || (b.Lost || !same) && step > p.nominal*3/2
		if gap && p.pts[i] > p.start {
			p.gaps = append(p.gaps, Gap{
				From: p.zero.Add(media.Duration(max(shown+p.nominal, p.start))),
				To:   p.zero.Add(media.Duration(p.pts[i])),
				Why:  whyGap(a, b),
			})
		}
		shown = max(shown, p.pts[i])
	}
	if rest := to.Sub(p.To()); media.Ticks(rest) > p.nominal {
		p.gaps = append(p.gaps, Gap{From: p.To(), To: to, Why: whySilent})
	}
}

func whyGap(a, b *media.Sample) string {
	switch {
	case a.Boot != b.Boot:
		return whyDown
	case a.Run != b.Run:
		return whyReconnect
	case b.Lost:
		return whyDropped
	default:
		return whySilent
	}
}
