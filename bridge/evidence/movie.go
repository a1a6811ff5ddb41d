package evidence

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/abema/go-mp4"
)

// indexMovie lays out a clip: its head, its groups of pictures with their
// bytes and times, and what follows. The ranges cover the file; their hashes
// are still empty. An error says why a file cannot be laid out.
func indexMovie(r io.ReadSeeker, size int64) ([]Range, error) {
	moov, err := readMoov(r, size)
	if err != nil {
		return nil, err
	}
	t, err := videoTrack(moov)
	if err != nil {
		return nil, err
	}
	return t.ranges(size)
}

// readMoov finds the box that describes an ordinary MP4 file.
func readMoov(r io.ReadSeeker, size int64) ([]byte, error) {
	for at := int64(0); at < size; {
		var head [16]byte
		if _, err := r.Seek(at, io.SeekStart); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(r, head[:min(16, size-at)]); err != nil {
			return nil, fmt.Errorf("read box at %d: %w", at, err)
		}
		length := int64(binary.BigEndian.Uint32(head[:]))
		switch length {
		case 0:
			length = size - at
		case 1:
			length = int64(min(binary.BigEndian.Uint64(head[8:]), math.MaxInt64))
		}
		if length < 8 || length > size-at {
			return nil, fmt.Errorf("box at %d has %d bytes", at, length)
		}
		switch string(head[4:8]) {
		case "moof":
			return nil, errors.New("it is fragmented")
		case "moov":
			if length > moovBytesMax {
				return nil, fmt.Errorf("its tables have %d bytes, more than %d", length, moovBytesMax)
			}
			moov := make([]byte, length)
			if _, err := r.Seek(at, io.SeekStart); err != nil {
				return nil, err
			}
			_, err := io.ReadFull(r, moov)
			return moov, err
		}
		at += length
	}
	return nil, errors.New("it has no moov box")
}

// track is the video track's sample tables.
type track struct {
	scale  int64 // ticks a second
	shown  int64 // ticks from the first to the end of the last picture shown; 0: all
	start  int64 // when decoding time 0 is shown, in ticks; mostly ≤ 0
	sizes  []uint32
	dts    []int64 // and the end of the last one
	pts    []int64
	key    []bool
	chunks []int64
	runs   []mp4.StscEntry
}

func videoTrack(moov []byte) (*track, error) {
	r := bytes.NewReader(moov)
	box := mp4.StrToBoxType
	var movieScale int64
	mvhd, err := mp4.ExtractBoxWithPayload(r, nil, mp4.BoxPath{box("moov"), box("mvhd")})
	if err != nil {
		return nil, err
	}
	for _, b := range mvhd {
		if h, ok := b.Payload.(*mp4.Mvhd); ok {
			movieScale = int64(h.Timescale)
		}
	}
	traks, err := mp4.ExtractBox(r, nil, mp4.BoxPath{box("moov"), box("trak")})
	if err != nil {
		return nil, err
	}
	for _, trak := range traks {
		stbl := func(kind string) mp4.BoxPath {
			return mp4.BoxPath{box("mdia"), box("minf"), box("stbl"), box(kind)}
		}
		boxes, err := mp4.ExtractBoxesWithPayload(r, trak, []mp4.BoxPath{
			{box("mdia"), box("hdlr")}, {box("mdia"), box("mdhd")}, {box("edts"), box("elst")},
			stbl("stts"), stbl("ctts"), stbl("stss"), stbl("stsc"), stbl("stsz"), stbl("stco"), stbl("co64"),
		})
		if err != nil {
			return nil, err
		}
		if t, err := newTrack(boxes, movieScale); t != nil || err != nil {
			return t, err
		}
	}
	return nil, errors.New("it has no video track")
}

// tables are the boxes of a track.
type tables struct {
	video bool
	mdhd  *mp4.Mdhd
	elst  *mp4.Elst
	stts  *mp4.Stts
	ctts  *mp4.Ctts
	stss  *mp4.Stss
	stsc  *mp4.Stsc
	stsz  *mp4.Stsz
	at    []int64 // of the chunks
}

func newTrack(boxes []*mp4.BoxInfoWithPayload, movieScale int64) (*track, error) {
	var b tables
	for _, box := range boxes {
		switch p := box.Payload.(type) {
		case *mp4.Hdlr:
			b.video = b.video || string(p.HandlerType[:]) == "vide"
		case *mp4.Mdhd:
			b.mdhd = p
		case *mp4.Elst:
			b.elst = p
		case *mp4.Stts:
			b.stts = p
		case *mp4.Ctts:
			b.ctts = p
		case *mp4.Stss:
			b.stss = p
		case *mp4.Stsc:
			b.stsc = p
		case *mp4.Stsz:
			b.stsz = p
		case *mp4.Stco:
			for _, at := range p.ChunkOffset {
				b.at = append(b.at, int64(at))
			}
		case *mp4.Co64:
			for _, at := range p.ChunkOffset {
				b.at = append(b.at, int64(min(at, math.MaxInt64)))
			}
		}
	}
	if !b.video {
		return nil, nil
	}
	if len(b.at) == 0 {
		return nil, errors.New("its tables name no pictures: it is fragmented, or empty")
	}
	if b.mdhd == nil || b.stts == nil || b.stsc == nil || b.stsz == nil || b.mdhd.Timescale == 0 {
		return nil, errors.New("its video track lacks a table")
	}
	t := &track{scale: int64(b.mdhd.Timescale), chunks: b.at, runs: b.stsc.Entries}
	if err := t.samples(&b); err != nil {
		return nil, err
	}
	t.edit(b.elst, movieScale)
	return t, nil
}

// samples spreads the run-length tables.
func (t *track) samples(b *tables) error {
	n := int(b.stsz.SampleCount)
	if n == 0 || n > samplesMax || b.stsz.SampleSize == 0 && len(b.stsz.EntrySize) != n {
		return fmt.Errorf("it has %d pictures; want 1 to %d, each with a size", n, samplesMax)
	}
	t.sizes = b.stsz.EntrySize
	if b.stsz.SampleSize != 0 {
		t.sizes = make([]uint32, n)
		for i := range t.sizes {
			t.sizes[i] = b.stsz.SampleSize
		}
	}
	t.dts = make([]int64, 1, n+1)
	for _, e := range b.stts.Entries {
		for k := uint32(0); k < e.SampleCount && len(t.dts) <= n; k++ {
			t.dts = append(t.dts, t.dts[len(t.dts)-1]+int64(e.SampleDelta))
		}
	}
	if len(t.dts) != n+1 {
		return errors.New("not every picture has a time")
	}
	t.pts = append([]int64(nil), t.dts[:n]...)
	if b.ctts != nil {
		i := 0
		for e := range b.ctts.Entries {
			for k := uint32(0); k < b.ctts.Entries[e].SampleCount && i < n; k++ {
				t.pts[i] += b.ctts.GetSampleOffset(e)
				i++
			}
		}
	}
	t.key = make([]bool, n)
	if b.stss == nil { // every picture is one
		for i := range t.key {
			t.key[i] = true
		}
		return nil
	}
	for _, number := range b.stss.SampleNumber {
		if number < 1 || int(number) > n {
			return fmt.Errorf("picture %d of %d is said to be a key", number, n)
		}
		t.key[number-1] = true
	}
	return nil
}

// ticksMax keeps reckoning with times that cannot be true within 64 bits.
const ticksMax = 1 << 52

// edit takes the edit list: how long nothing is shown, and which part of the
// track is shown then.
func (t *track) edit(elst *mp4.Elst, movieScale int64) {
	if elst == nil || movieScale <= 0 {
		return
	}
	for i := range elst.Entries {
		// Through float64: exact below 2^53 ticks, and no overflow above.
		length := int64(min(float64(elst.GetSegmentDuration(i))*float64(t.scale)/float64(movieScale), ticksMax))
		media := min(elst.GetMediaTime(i), ticksMax)
		if media < 0 {
			t.start = min(t.start+length, ticksMax)
			continue
		}
		t.shown = t.start + length
		t.start -= media
		return
	}
}

// offsets is where each sample lies. They must follow one another in the file
// as they do in time, or a stretch of bytes is not a stretch of time.
func (t *track) offsets() ([]int64, error) {
	out := make([]int64, 0, len(t.sizes))
	var end int64
	run := -1
	for c, at := range t.chunks {
		for run+1 < len(t.runs) && int64(t.runs[run+1].FirstChunk) <= int64(c)+1 {
			run++
		}
		if run < 0 {
			return nil, errors.New("its first chunk has no length")
		}
		for range t.runs[run].SamplesPerChunk {
			if len(out) == len(t.sizes) {
				return out, nil
			}
			if at < end || at > math.MaxInt64/2 {
				return nil, errors.New("its pictures do not lie in their order")
			}
			out = append(out, at)
			at += int64(t.sizes[len(out)-1])
			end = at
		}
	}
	if len(out) != len(t.sizes) {
		return nil, errors.New("not every picture has a place")
	}
	return out, nil
}

func (t *track) ranges(size int64) ([]Range, error) {
	at, err := t.offsets()
	if err != nil {
		return nil, err
	}
	n := len(at)
	end := at[n-1] + int64(t.sizes[n-1])
	if at[0] <= 0 || end > size {
		return nil, fmt.Errorf("its pictures end at byte %d of %d", end, size)
	}
	out := []Range{{Kind: kindHead, Piece: Piece{Bytes: at[0]}}}
	for from := 0; from < n; {
		to := from + 1
		for to < n && (!t.key[to] || at[to] == at[from]) {
			to++
		}
		next := end
		if to < n {
			next = at[to]
		}
		gop := Range{Kind: kindGOP, GOP: len(out), Piece: t.piece(from, to, at[from], next)}
		if gop.Bytes <= 0 {
			return nil, errors.New("a group of pictures is empty")
		}
		gop.Seconds = t.seconds(from, to, at, next)
		out = append(out, gop)
		from = to
	}
	if end < size {
		out = append(out, Range{Kind: kindRest, Piece: Piece{Offset: end, Bytes: size - end}})
	}
	return out, nil
}

// seconds cuts samples from ≤ i < to where a new second begins; nil when they
// all lie in one.
func (t *track) seconds(from, to int, at []int64, next int64) []Piece {
	var out []Piece
	second := func(i int) int64 { return floorDiv(t.dts[i]+t.pts[from]-t.dts[from]+t.start, t.scale) }
	for i := from; i < to; {
		j := i + 1
		for j < to && (second(j) == second(i) || at[j] == at[i]) {
			j++
		}
		end := next
		if j < to {
			end = at[j]
		}
		if end > at[i] {
			out = append(out, t.piece(i, j, at[i], end))
		}
		i = j
	}
	if len(out) < 2 {
		return nil
	}
	return out
}

// piece is samples from ≤ i < to as bytes and as the time that shows them.
func (t *track) piece(from, to int, at, end int64) Piece {
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for i := from; i < to; i++ {
		first = min(first, t.pts[i])
		last = max(last, t.pts[i]+t.dts[i+1]-t.dts[i])
	}
	return Piece{Offset: at, Bytes: end - at, FromMS: t.shownMS(first), ToMS: t.shownMS(last)}
}

func (t *track) shownMS(pts int64) int64 {
	at := max(pts+t.start, 0)
	if t.shown > 0 {
		at = min(at, t.shown)
	}
	return int64(math.Round(float64(at) * 1000 / float64(t.scale)))
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
