package bmff

import "time"

// The boxes around a track's sample tables (ISO/IEC 14496-12, clause 8), for
// ordinary and for fragmented files alike.

// Track is one track of a file.
type Track struct {
	ID            uint32
	Clock         uint32 // ticks a second of its media
	Width, Height int    // pixels; 0 for sound
	Sound         bool
	Entry         []byte // its sample entry
}

// FileType writes ftyp.
func FileType(w *Buffer, brands ...string) {
	w.Start("ftyp")
	w.Put([]byte(brands[0]))
	w.U32(0x200)
	for _, brand := range brands {
		w.Put([]byte(brand))
	}
	w.End()
}

func unity() [9]uint32 { return [9]uint32{0x00010000, 0, 0, 0, 0x00010000, 0, 0, 0, 0x40000000} }

// epoch is when times in MP4 begin: 1904-01-01, in Unix time.
const epoch = -2082844800

// MovieHeader writes mvhd: when it was made (zero: not said), ticks a second,
// how long is presented, and the id after the last track's.
func MovieHeader(w *Buffer, made time.Time, clock uint32, presented int64, next uint32) {
	var at uint64
	if !made.IsZero() {
		at = uint64(max(0, made.Unix()-epoch))
	}
	w.StartFull("mvhd", 1, 0)
	w.U64(at)
	w.U64(at)
	w.U32(clock)
	w.U64(uint64(presented))
	w.U32(0x00010000) // rate 1
	w.U16(0x0100)     // volume 1
	w.U16(0)
	w.U64(0)
	for _, v := range unity() {
		w.U32(v)
	}
	for range 6 {
		w.U32(0)
	}
	w.U32(next)
	w.End()
}

// Header writes tkhd; presented is in ticks of the movie.
func (t *Track) Header(w *Buffer, presented int64) {
	w.StartFull("tkhd", 1, 3) // enabled, in movie
	w.U64(0)
	w.U64(0)
	w.U32(t.ID)
	w.U32(0)
	w.U64(uint64(presented))
	w.U64(0)
	w.U32(0) // layer, group
	if t.Sound {
		w.U32(0x01000000) // volume 1
	} else {
		w.U32(0)
	}
	for _, v := range unity() {
		w.U32(v)
	}
	w.U32(uint32(t.Width) << 16)
	w.U32(uint32(t.Height) << 16)
	w.End()
}

// MediaHeader writes mdhd and hdlr; total is in ticks of the track.
func (t *Track) MediaHeader(w *Buffer, total int64) {
	w.StartFull("mdhd", 1, 0)
	w.U64(0)
	w.U64(0)
	w.U32(t.Clock)
	w.U64(uint64(total))
	w.U16(0x55c4) // und
	w.U16(0)
	w.End()
	kind, name := "vide", "VideoHandler\x00"
	if t.Sound {
		kind, name = "soun", "SoundHandler\x00"
	}
	w.StartFull("hdlr", 0, 0)
	w.U32(0)
	w.Put([]byte(kind))
	w.U32(0)
	w.U64(0)
	w.Put([]byte(name))
	w.End()
}

// MediaInfo writes vmhd or smhd, and dinf: the data is in this file.
func (t *Track) MediaInfo(w *Buffer) {
	if t.Sound {
		w.StartFull("smhd", 0, 0)
		w.U32(0)
	} else {
		w.StartFull("vmhd", 0, 1)
		w.U64(0)
	}
	w.End()
	w.Start("dinf")
	w.StartFull("dref", 0, 0)
	w.U32(1)
	w.StartFull("url ", 0, 1)
	w.End()
	w.End()
	w.End()
}

// Descriptions writes stsd.
func Descriptions(w *Buffer, entries ...[]byte) {
	w.StartFull("stsd", 0, 0)
	w.U32(uint32(len(entries)))
	for _, e := range entries {
		w.Put(e)
	}
	w.End()
}

// Head is the head of a fragmented file: ftyp and moov.
func Head(tracks ...Track) []byte {
	w := &Buffer{}
	FileType(w, "mp42", "isom", "iso6", "mp41")
	w.Start("moov")
	MovieHeader(w, time.Time{}, tracks[0].Clock, 0, uint32(len(tracks)+1))
	for i := range tracks {
		t := &tracks[i]
		w.Start("trak")
		t.Header(w, 0)
		w.Start("mdia")
		t.MediaHeader(w, 0)
		w.Start("minf")
		t.MediaInfo(w)
		w.Start("stbl")
		Descriptions(w, t.Entry)
		for _, empty := range []string{"stts", "stsc"} {
			w.StartFull(empty, 0, 0)
			w.U32(0)
			w.End()
		}
		w.StartFull("stsz", 0, 0)
		w.U64(0)
		w.End()
		w.StartFull("stco", 0, 0)
		w.U32(0)
		w.End()
		for range 4 { // stbl, minf, mdia, trak
			w.End()
		}
	}
	w.Start("mvex")
	for i := range tracks {
		w.StartFull("trex", 0, 0)
		w.U32(tracks[i].ID)
		w.U32(1)
		w.U64(0)
		w.U32(0)
		w.End()
	}
	w.End()
	w.End()
	return w.Bytes()
}
