package clip

import (
	"encoding/binary"
	"math"

	"github.com/watchpost-edge/watchpost/appliance/internal/media/bmff"
	"github.com/watchpost-edge/watchpost/ingest"
)

// The head of an ordinary MP4 file with one video track (ISO/IEC 14496-12):
// moov first, so that it plays while it is still being fetched. Movie and
// media run in the same ticks, so that the edit list is exact.

func ftypBox() []byte {
	var w bmff.Buffer
	w.Start("ftyp")
	w.Put([]byte("isom"))
	w.U32(0x200)
	for _, brand := range []string{"isom", "iso2", "avc1", "mp41"} {
		w.Put([]byte(brand))
	}
	w.End()
	return w.Bytes()
}

func mdatHeader(data int64, large bool) []byte {
	if !large {
		return append(binary.BigEndian.AppendUint32(nil, uint32(data+bmff.HeaderSize)), "mdat"...)
	}
	b := append(binary.BigEndian.AppendUint32(nil, 1), "mdat"...)
	return binary.BigEndian.AppendUint64(b, uint64(data)+2*bmff.HeaderSize)
}

// moovBox describes the plan; base is the file offset of the first sample.
func moovBox(p *plan, entries [][]byte, kinds []uint32, large bool, base int64) []byte {
	w := &bmff.Buffer{}
	steps := p.steps()
	var total int64
	for _, s := range steps {
		total += int64(s)
	}
	width, height := p.samples[0].Params.Width, p.samples[0].Params.Height
	w.Start("moov")
	movieHeader(w, p.end-p.start)
	w.Start("trak")
	trackHeader(w, p.end-p.start, width, height)
	w.Start("edts")
	w.StartFull("elst", 1, 0)
	w.U32(1)
	w.U64(uint64(p.end - p.start))
	w.U64(uint64(p.start - p.dts[0])) // decoding time 0 is the first sample's
	w.U32(0x00010000)
	w.End()
	w.End()
	w.Start("mdia")
	mediaHeader(w, total)
	w.Start("minf")
	w.StartFull("vmhd", 0, 1)
	w.U64(0)
	w.End()
	dataInfo(w)
	w.Start("stbl")
	w.StartFull("stsd", 0, 0)
	w.U32(uint32(len(entries)))
	for _, e := range entries {
		w.Put(e)
	}
	w.End()
	timeTables(w, p, steps)
	placeTables(w, p, kinds, large, base)
	w.End() // stbl
	w.End() // minf
	w.End() // mdia
	w.End() // trak
	w.End() // moov
	return w.Bytes()
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

var unity = [9]uint32{0x00010000, 0, 0, 0, 0x00010000, 0, 0, 0, 0x40000000}

func movieHeader(w *bmff.Buffer, presented int64) {
	w.StartFull("mvhd", 1, 0)
	w.U64(0)
	w.U64(0)
	w.U32(ingest.ClockRate)
	w.U64(uint64(presented))
	w.U32(0x00010000) // rate 1
	w.U16(0x0100)     // volume 1
	w.U16(0)
	w.U64(0)
	for _, v := range unity {
		w.U32(v)
	}
	for range 6 {
		w.U32(0)
	}
	w.U32(2) // next track
	w.End()
}

func trackHeader(w *bmff.Buffer, presented int64, width, height int) {
	w.StartFull("tkhd", 1, 3) // enabled, in movie
	w.U64(0)
	w.U64(0)
	w.U32(1)
	w.U32(0)
	w.U64(uint64(presented))
	w.U64(0)
	w.U64(0) // layer, group, volume
	for _, v := range unity {
		w.U32(v)
	}
	w.U32(uint32(width) << 16)
	w.U32(uint32(height) << 16)
	w.End()
}

func mediaHeader(w *bmff.Buffer, total int64) {
	w.StartFull("mdhd", 1, 0)
	w.U64(0)
	w.U64(0)
	w.U32(ingest.ClockRate)
	w.U64(uint64(total))
	w.U16(0x55c4) // und
	w.U16(0)
	w.End()
	w.StartFull("hdlr", 0, 0)
	w.U32(0)
	w.Put([]byte("vide"))
	w.U32(0)
	w.U64(0)
	w.Put([]byte("VideoHandler\x00"))
	w.End()
}

func dataInfo(w *bmff.Buffer) {
	w.Start("dinf")
	w.StartFull("dref", 0, 0)
	w.U32(1)
	w.StartFull("url ", 0, 1) // in this file
	w.End()
	w.End()
	w.End()
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

// placeTables are stsc, stsz and stco or co64: a chunk is a GOP.
func placeTables(w *bmff.Buffer, p *plan, kinds []uint32, large bool, base int64) {
	type chunk struct {
		at   int64
		n    uint32
		kind uint32
	}
	var chunks []chunk
	for i := range p.samples {
		if i == 0 || p.samples[i].Key || kinds[i] != kinds[i-1] {
			chunks = append(chunks, chunk{at: base, kind: kinds[i]})
		}
		chunks[len(chunks)-1].n++
		base += int64(p.samples[i].Size)
	}
	w.StartFull("stsc", 0, 0)
	at, entries := w.Len(), uint32(0)
	w.U32(0)
	for i, c := range chunks {
		if i > 0 && c.n == chunks[i-1].n && c.kind == chunks[i-1].kind {
			continue
		}
		w.U32(uint32(i + 1))
		w.U32(c.n)
		w.U32(c.kind)
		entries++
	}
	w.PutU32(at, entries)
	w.End()
	w.StartFull("stsz", 0, 0)
	w.U32(0)
	w.U32(uint32(len(p.samples)))
	for i := range p.samples {
		w.U32(uint32(p.samples[i].Size))
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
			w.U64(uint64(c.at))
		} else {
			w.U32(uint32(c.at))
		}
	}
	w.End()
}
