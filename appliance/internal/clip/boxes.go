package clip

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/appliance/internal/media/bmff"
	"github.com/watchpost-edge/watchpost/ingest"
)

// The head of an ordinary MP4 file, pictures and sound (ISO/IEC 14496-12):
// moov first, so that it plays while it is still being fetched. Movie and
// media run in the same ticks, so that the edit list is exact.

func mdatHeader(data int64, large bool) []byte {
	if !large {
		return append(binary.BigEndian.AppendUint32(nil, uint32(data+bmff.HeaderSize)), "mdat"...)
	}
	b := append(binary.BigEndian.AppendUint32(nil, 1), "mdat"...)
	return binary.BigEndian.AppendUint64(b, uint64(data)+2*bmff.HeaderSize)
}

// chunk is a stretch of the file that belongs to one track: a GOP of pictures,
// or the sound of about that time.
type chunk struct {
	sound bool
	first int // sample of its track
	n     int
	kind  uint32 // sample description, from 1
	at    int64  // in the file, counted from the first chunk
}

// chunks is how the file is laid out: sound stands behind the pictures that it
// is heard with.
func (p *plan) chunks(kinds []uint32) []chunk {
	var list []chunk
	var at int64
	heard := 0
	sound := func(before int64) {
		if p.sound == nil {
			return
		}
		c := chunk{sound: true, first: heard, kind: 1, at: at}
		for heard < len(p.sound.samples) && p.soundTick(heard) < before {
			at += int64(p.sound.samples[heard].Size)
			heard++
		}
		if c.n = heard - c.first; c.n > 0 {
			list = append(list, c)
		}
	}
	for i := range p.samples {
		if i == 0 || p.samples[i].Key || kinds[i] != kinds[i-1] {
			if i > 0 {
				sound(p.dts[i])
			}
			list = append(list, chunk{first: i, kind: kinds[i], at: at})
		}
		list[len(list)-1].n++
		at += int64(p.samples[i].Size)
	}
	sound(1 << 62)
	return list
}

// soundTick is when a stretch of sound is heard, in ticks of the clip.
func (p *plan) soundTick(i int) int64 {
	return p.start + (p.sound.at[i]-p.sound.skip)*ingest.ClockRate/int64(p.sound.params.SampleRate)
}

// moovBox describes the plan; base is the file offset of the first chunk.
func moovBox(p *plan, entries [][]byte, soundEntry []byte, chunks []chunk, large bool, base int64) []byte {
	w := &bmff.Buffer{}
	presented := p.end - p.start
	next := uint32(2)
	if p.sound != nil {
		next = 3
	}
	w.Start("moov")
	bmff.MovieHeader(w, p.From(), ingest.ClockRate, presented, next)
	steps := p.steps()
	width, height := p.size()
	pictures := bmff.Track{ID: 1, Clock: ingest.ClockRate, Width: width, Height: height}
	begin := p.start - p.dts[0] // decoding time 0 is the first sample's
	startTrack(w, &pictures, presented, begin, steps, entries)
	timeTables(w, p, steps)
	placeTables(w, p.samples, chunks, false, large, base)
	endTrack(w)
	if p.sound != nil {
		steps := p.sound.steps()
		sound := bmff.Track{ID: 2, Clock: uint32(p.sound.params.SampleRate), Sound: true}
		startTrack(w, &sound, presented, p.sound.skip, steps, [][]byte{soundEntry})
		runs(w, "stts", 0, len(steps), func(i int) uint32 { return steps[i] })
		placeTables(w, p.sound.samples, chunks, true, large, base)
		endTrack(w)
	}
	w.Start("uuid")
	w.Put(stampID())
	w.Put(p.stamp)
	w.End()
	w.End()
	return w.Bytes()
}

// startTrack opens a track up to its tables: what is presented (in ticks of
// the movie) begins at begin (in ticks of the track).
func startTrack(w *bmff.Buffer, t *bmff.Track, presented, begin int64, steps []uint32, entries [][]byte) {
	var total int64
	for _, s := range steps {
		total += int64(s)
	}
	w.Start("trak")
	t.Header(w, presented)
	w.Start("edts")
	w.StartFull("elst", 1, 0)
	w.U32(1)
	w.U64(uint64(presented))
	w.U64(uint64(begin))
	w.U32(0x00010000)
	w.End()
	w.End()
	w.Start("mdia")
	t.MediaHeader(w, total)
	w.Start("minf")
	t.MediaInfo(w)
	w.Start("stbl")
	bmff.Descriptions(w, entries...)
}

func endTrack(w *bmff.Buffer) {
	for range 4 { // stbl, minf, mdia, trak
		w.End()
	}
}

// steps is how long each sample lasts in decoding time. A pause stretches the
// sample before it; the last one lasts until the presentation ends.
func (p *plan) steps() []uint32 {
	steps := make([]uint32, len(p.dts))
	for i := range steps {
		d := p.nominal
		if i+1 < len(p.dts) {
			d = p.dts[i+1] - p.dts[i]
		} else if p.pts[i] == p.dts[i] {
			d = max(1, p.end-p.dts[i])
		}
		steps[i] = uint32(min(d, math.MaxUint32))
	}
	return steps
}

// timeTables are stts, ctts and stss.
func timeTables(w *bmff.Buffer, p *plan, steps []uint32) {
	runs(w, "stts", 0, len(steps), func(i int) uint32 { return steps[i] })
	offset := func(i int) uint32 { return uint32(p.pts[i] - p.dts[i]) }
	for i := range steps {
		if offset(i) != 0 {
			runs(w, "ctts", 0, len(steps), offset)
			break
		}
	}
	var keys []uint32
	for i := range p.samples {
		if p.samples[i].Key {
			keys = append(keys, uint32(i+1))
		}
	}
	if len(keys) < len(p.samples) {
		w.StartFull("stss", 0, 0)
		w.U32(uint32(len(keys)))
		for _, k := range keys {
			w.U32(k)
		}
		w.End()
	}
}

// runs writes a table of equal values in a row.
func runs(w *bmff.Buffer, kind string, version uint8, n int, value func(int) uint32) {
	w.StartFull(kind, version, 0)
	at := w.Len()
	w.U32(0)
	var entries uint32
	for i := 0; i < n; {
		j := i + 1
		for j < n && value(j) == value(i) {
			j++
		}
		w.U32(uint32(j - i))
		w.U32(value(i))
		entries++
		i = j
	}
	w.PutU32(at, entries)
	w.End()
}

// placeTables are stsc, stsz and stco or co64 of one track.
func placeTables(w *bmff.Buffer, samples []media.Sample, all []chunk, sound, large bool, base int64) {
	chunks := slices.DeleteFunc(slices.Clone(all), func(c chunk) bool { return c.sound != sound })
	w.StartFull("stsc", 0, 0)
	at, entries := w.Len(), uint32(0)
	w.U32(0)
	for i, c := range chunks {
		if i > 0 && c.n == chunks[i-1].n && c.kind == chunks[i-1].kind {
			continue
		}
		w.U32(uint32(i + 1))
		w.U32(uint32(c.n))
		w.U32(c.kind)
		entries++
	}
	w.PutU32(at, entries)
	w.End()
	w.StartFull("stsz", 0, 0)
	w.U32(0)
	w.U32(uint32(len(samples)))
	for i := range samples {
		w.U32(uint32(samples[i].Size))
	}
	w.End()
	if large {
		w.StartFull("co64", 0, 0)
	} else {
		w.StartFull("stco", 0, 0)
	}
	w.U32(uint32(len(chunks)))
	for _, c := range chunks {
		if large {
			w.U64(uint64(base + c.at))
		} else {
			w.U32(uint32(base + c.at))
		}
	}
	w.End()
}
