package clip

import (
	"slices"

	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/ingest"
)

// whyCodec: the file holds these pictures, but players show one codec a track,
// the first one, and leave out the others without a word.
const whyCodec = "pictures in another codec"

// codec is what most pictures of the cut are in: a camera may be set to another
// one, or exchanged, meanwhile.
func (p *plan) codec() ingest.Codec {
	count := map[ingest.Codec]int{}
	most := p.samples[0].Params.Codec
	for i := range p.samples {
		c := p.samples[i].Params.Codec
		if count[c]++; count[c] > count[most] {
			most = c
		}
	}
	return most
}

// size is that of the first picture that players show.
func (p *plan) size() (width, height int) {
	main := p.codec()
	i := slices.IndexFunc(p.samples, func(s media.Sample) bool { return s.Params.Codec == main })
	return p.samples[i].Params.Width, p.samples[i].Params.Height
}

// foreignGaps are the stretches that players do not show.
func (p *plan) foreignGaps() []Gap {
	main := p.codec()
	var list []Gap
	for i := 0; i < len(p.samples); {
		if p.samples[i].Params.Codec == main {
			i++
			continue
		}
		from := max(p.pts[i], p.start)
		for i < len(p.samples) && p.samples[i].Params.Codec != main {
			i++
		}
		to := p.end
		if i < len(p.samples) {
			to = p.pts[i]
		}
		if to > from {
			list = append(list, Gap{From: p.zero.Add(media.Duration(from)), To: p.zero.Add(media.Duration(to)), Why: whyCodec})
		}
	}
	return list
}

// addForeign puts them among the gaps; pauses within them are theirs.
func (p *plan) addForeign() {
	foreign := p.foreignGaps()
	within := func(g Gap) bool {
		return slices.ContainsFunc(foreign, func(f Gap) bool { return !g.From.Before(f.From) && !g.To.After(f.To) })
	}
	p.gaps = append(slices.DeleteFunc(p.gaps, within), foreign...)
	slices.SortStableFunc(p.gaps, func(a, b Gap) int { return a.From.Compare(b.From) })
}

// sampleEntries are the decoder configurations that occur, each once, those of
// the main codec first, and which of them each sample has, from 1.
func (p *plan) sampleEntries() (entries [][]byte, kinds []uint32, err error) {
	var params []*ingest.Params
	find := func(q *ingest.Params) int {
		return 1 + slices.IndexFunc(params, func(known *ingest.Params) bool { return media.SameParams(known, q) })
	}
	main := p.codec()
	for _, mains := range []bool{true, false} {
		for i := range p.samples {
			q := p.samples[i].Params
			if (q.Codec == main) != mains || find(q) > 0 {
				continue
			}
			e, err := media.SampleEntry(q)
			if err != nil {
				return nil, nil, err
			}
			params, entries = append(params, q), append(entries, e)
		}
	}
	kinds = make([]uint32, len(p.samples))
	last, kind := (*ingest.Params)(nil), 0
	for i := range p.samples {
		if q := p.samples[i].Params; q != last {
			last, kind = q, find(q)
		}
		kinds[i] = uint32(kind)
	}
	return entries, kinds, nil
}
