package clip

import (
	"cmp"
	"slices"

	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/ingest"
)

// soundPlan is the sound of a cut: stretches that follow one another without a
// pause, since players take no other sound in step with the pictures. Where
// there was none there is silence.
type soundPlan struct {
	params  *ingest.Params
	samples []media.Sample
	at      []int64 // of each, in samples since the first
	skip    int64   // samples before the presentation begins
}

// silenceBlock is how long a stretch of silence is at most, in samples.
const silenceBlock = 4096

// laySound lays out the sound of what is presented, nil when there is none.
func (p *plan) laySound(sounds []media.Sample) *soundPlan {
	type stretch struct {
		sample media.Sample
		at     int64 // ticks of the clip
	}
	var list []stretch
	for _, s := range sounds {
		shift, known := p.shifts[runKey{s.Boot, s.Run}]
		at := s.PTS + shift
		if known && at < p.end && at+media.SoundTicks(s.Params, s.Samples) > p.start {
			list = append(list, stretch{s, at})
		}
	}
	if len(list) == 0 {
		return nil
	}
	slices.SortStableFunc(list, func(a, b stretch) int { return cmp.Compare(a.at, b.at) })
	params := list[0].sample.Params
	rate := int64(params.SampleRate)
	samplesOf := func(ticks int64) int64 { return (ticks*rate + ingest.ClockRate/2) / ingest.ClockRate }
	begin := min(list[0].at, p.start)
	if _, ok := media.Silence(params, silenceBlock); !ok && list[0].at > p.start {
		return nil // it would stand beside other pictures
	}
	w := &soundPlan{params: params, skip: samplesOf(p.start - begin)}
	var pos int64
	for _, one := range list {
		if !media.SameParams(params, one.sample.Params) {
			continue // silence stands for what is coded otherwise
		}
		at := samplesOf(one.at - begin)
		near := max(int64(one.sample.Samples), rate/20)
		if pos-at >= near { // it is there already, from another source
			continue
		}
		if at-pos >= near {
			pos = w.silence(pos, at)
		}
		w.samples, w.at = append(w.samples, one.sample), append(w.at, pos)
		pos += int64(one.sample.Samples)
	}
	w.at = append(w.at, w.silence(pos, samplesOf(p.end-begin)))
	return w
}

// silence fills up to a place, as near as the codec's stretches come, and
// returns where it ends. A codec that has no silence is left to stretch what
// stands before.
func (w *soundPlan) silence(pos, to int64) int64 {
	for pos < to {
		s, ok := media.Silence(w.params, int(min(to-pos, silenceBlock)))
		if !ok {
			if s, ok = media.Silence(w.params, silenceBlock); !ok {
				return to
			}
		}
		w.samples, w.at = append(w.samples, s), append(w.at, pos)
		pos += int64(s.Samples)
	}
	return pos
}

// steps is how long each stretch lasts, in samples.
func (w *soundPlan) steps() []uint32 {
	steps := make([]uint32, len(w.samples))
	for i := range steps {
		steps[i] = uint32(w.at[i+1] - w.at[i])
	}
	return steps
}
