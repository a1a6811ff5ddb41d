package media

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/media/bmff"
	"github.com/watchpost-edge/watchpost/ingest"
)

// A segment is a fragmented MP4 that any player opens, with boxes of ours
// (uuid, which players skip): behind the head the parameters of the pictures
// and of the sound, if there is any, as JSON; and before every fragment with what MP4 has no place for: when
// its first picture was captured by the box's clock, in which run of the
// camera and of the box, and checksums, by which a torn fragment is known
// even where the file system shows zeros.
var (
	uuidParams   = [16]byte{0x57, 0x50, 0x70, 0x61, 0x72, 0x61, 0x6d, 0x73, 0x8a, 0x01, 0x4e, 0x2b, 0x9c, 0x11, 0x5d, 0x01}
	uuidFragment = [16]byte{0x57, 0x50, 0x66, 0x72, 0x61, 0x67, 0x6d, 0x74, 0x8a, 0x01, 0x4e, 0x2b, 0x9c, 0x11, 0x5d, 0x02}
	uuidSound    = [16]byte{0x57, 0x50, 0x73, 0x6f, 0x75, 0x6e, 0x64, 0x73, 0x8a, 0x01, 0x4e, 0x2b, 0x9c, 0x11, 0x5d, 0x03}
	castagnoli   = crc32.MakeTable(crc32.Castagnoli)
)

// Limits of what a reader accepts.
const (
	fragmentSamplesMax = 1 << 14
	fragmentBytesMax   = 256 << 20
	headBytesMax       = 64 << 10

	uuidHead     = bmff.HeaderSize + 16
	headerSumAt  = 4 + 8 + 4 + 8 + 8 + 8 + 8 + 4 + 4 + 4
	fragmentSize = uuidHead + headerSumAt + 4
	trunEntry    = 16
	lostFlag     = 1
	// moofFixed is moof with mfhd, tfhd, tfdt and trun without its entries.
	moofFixed = 8 + 16 + 8 + 16 + 20 + 20
)

// ErrTorn says that a fragment is not whole: the file ends in it, or its
// checksum is wrong. What stands before it is good.
var ErrTorn = errors.New("torn fragment")

// errNewer says that a later release wrote this: it is left alone.
var errNewer = errors.New("written by a newer release")

// fragment is what one fragment's header says.
type fragment struct {
	boot        uint64
	run         uint32
	lost        bool
	pts, dts    int64 // of the first sample
	captured    time.Time
	uncertainty time.Duration
	samples     []entry
	data        int64 // offset of the first sample's bytes
	bytes       int64 // of all samples
	crc         uint32
	end         int64 // offset behind the fragment

	sounds     []entry
	soundPTS   int64 // of the first
	soundBytes int64 // they lie behind the samples
}

type entry struct {
	duration uint32
	cto      int32 // PTS - DTS
	size     uint32
	key      bool
	samples  uint16 // sound only
}

// segmentHead is what a segment begins with; sound may be nil.
func segmentHead(p, sound *ingest.Params) ([]byte, error) {
	entry, err := SampleEntry(p)
	if err != nil {
		return nil, err
	}
	tracks := []bmff.Track{{ID: 1, Clock: ingest.ClockRate, Width: p.Width, Height: p.Height, Entry: entry}}
	if sound != nil {
		if entry, err = SampleEntry(sound); err != nil {
			return nil, err
		}
		tracks = append(tracks, bmff.Track{ID: 2, Clock: ingest.ClockRate, Sound: true, Entry: entry})
	}
	var w bmff.Buffer
	w.Put(bmff.Head(tracks...))
	for _, one := range []struct {
		id     [16]byte
		params *ingest.Params
	}{{uuidSound, sound}, {uuidParams, p}} { // the last one ends the head
		if one.params == nil {
			continue
		}
		text, err := json.Marshal(one.params)
		if err != nil {
			return nil, fmt.Errorf("write parameters: %w", err)
		}
		w.Start("uuid")
		w.Put(one.id[:])
		w.Put(text)
		w.End()
	}
	return w.Bytes(), nil
}

// encodeFragment makes the bytes of one fragment. All samples are of one run,
// those of sound are apart; next is the DTS of the unit after the last, or 0
// when there is none yet; base is the DTS at which the segment began; number
// counts from 1.
func encodeFragment(samples, sounds []Sample, next, base int64, number uint32) ([]byte, error) {
	total, soundTotal := sizes(samples), sizes(sounds)
	data := make([]byte, 0, total+soundTotal)
	var err error
	for _, list := range [][]Sample{samples, sounds} {
		for i := range list {
			if data, err = list[i].Append(data); err != nil {
				return nil, err
			}
		}
	}
	moof := encodeMoof(samples, sounds, next, base, number)
	first := &samples[0]
	var flags uint32
	if first.Lost {
		flags |= lostFlag
	}
	if len(sounds) > 0 {
		flags |= soundFlag
	}
	w := &bmff.Buffer{}
	w.Start("uuid")
	w.Put(uuidFragment[:])
	w.U32(flags) // the highest byte is the version of this header: 0
	w.U64(first.Boot)
	w.U32(first.Run)
	w.U64(uint64(first.PTS))
	w.U64(uint64(first.DTS))
	w.U64(uint64(first.Captured.UnixNano()))
	w.U64(uint64(first.Uncertainty))
	w.U32(uint32(len(samples)))
	w.U32(uint32(total))
	w.U32(crc32.Checksum(data, castagnoli))
	at := w.Len()
	w.U32(0)
	if len(sounds) > 0 {
		w.U32(uint32(len(sounds)))
		w.U32(uint32(soundTotal))
		w.U64(uint64(sounds[0].PTS))
	}
	w.End()
	w.PutU32(at, headerSum(w.Bytes()[uuidHead:], moof))
	w.Put(moof)
	w.U32(uint32(bmff.HeaderSize + len(data)))
	w.Put([]byte("mdat"))
	w.Put(data)
	return w.Bytes(), nil
}

// headerSum is the checksum of a fragment's header, without itself, and moof.
func headerSum(header, moof []byte) uint32 {
	sum := crc32.Checksum(header[:headerSumAt], castagnoli)
	return crc32.Update(crc32.Update(sum, castagnoli, header[headerSumAt+4:]), castagnoli, moof)
}

func sizes(samples []Sample) (total int) {
	for i := range samples {
		total += samples[i].Size
	}
	return total
}

func encodeMoof(samples, sounds []Sample, next, base int64, number uint32) []byte {
	nominal := Nominal(samples)
	w := &bmff.Buffer{}
	w.Start("moof")
	w.StartFull("mfhd", 0, 0)
	w.U32(number)
	w.End()
	offset := moofSize(len(samples), len(sounds)) + bmff.HeaderSize
	startTraf(w, 1, samples[0].DTS-base, 0x01|0x100|0x200|0x400|0x800, len(samples), offset) // offset, duration, size, flags, composition offset
	for i := range samples {
		s := &samples[i]
		step := nominal
		switch {
		case i+1 < len(samples):
			step = samples[i+1].DTS - s.DTS
		case next > s.DTS:
			step = next - s.DTS
		}
		w.U32(uint32(step))
		w.U32(uint32(s.Size))
		w.U32(sampleFlags(s.Key))
		w.U32(uint32(int32(s.PTS - s.DTS)))
	}
	w.End()
	w.End()
	if len(sounds) > 0 {
		encodeSound(w, sounds, base, offset+sizes(samples))
	}
	w.End()
	return w.Bytes()
}

// startTraf opens traf and trun, which the caller fills and closes.
func startTraf(w *bmff.Buffer, track uint32, begin int64, flags uint32, count, offset int) {
	w.Start("traf")
	w.StartFull("tfhd", 0, 0x020000) // default-base-is-moof
	w.U32(track)
	w.End()
	w.StartFull("tfdt", 1, 0)
	w.U64(uint64(max(0, begin)))
	w.End()
	w.StartFull("trun", 1, flags)
	w.U32(uint32(count))
	w.U32(uint32(offset))
}

// sampleFlags are those of ISO/IEC 14496-12, 8.8.3.1: a picture that depends
// on others is no sync sample.
func sampleFlags(key bool) uint32 {
	if key {
		return 0x02000000
	}
	return 0x01010000
}

// readHead reads the parameters at the start of a segment, of its sound too if
// it has any, and the offset of its first fragment.
func readHead(r io.ReaderAt, size int64) (p, sound *ingest.Params, end int64, err error) {
	var off int64
	var head [uuidHead]byte
	for off < min(size, headBytesMax) {
		if _, err := r.ReadAt(head[:], off); err != nil {
			return nil, nil, 0, fmt.Errorf("read head at %d: %w", off, ErrTorn)
		}
		n := int64(binary.BigEndian.Uint32(head[:]))
		if n < bmff.HeaderSize || off+n > size || n > headBytesMax {
			return nil, nil, 0, fmt.Errorf("read head at %d: %w", off, ErrTorn)
		}
		if id := [16]byte(head[8:]); string(head[4:8]) == "uuid" && n > uuidHead && (id == uuidParams || id == uuidSound) {
			one := &ingest.Params{}
			body := make([]byte, n-uuidHead)
			if _, err := r.ReadAt(body, off+uuidHead); err != nil {
				return nil, nil, 0, fmt.Errorf("read parameters: %w", ErrTorn)
			}
			if err := json.Unmarshal(body, one); err != nil {
				return nil, nil, 0, fmt.Errorf("read parameters: %w", err)
			}
			if one.Codec.Audio() != (id == uuidSound) || id == uuidSound && one.SampleRate <= 0 {
				return nil, nil, 0, fmt.Errorf("read parameters: %s with %d samples a second: %w", one.Codec, one.SampleRate, ErrTorn)
			}
			if id == uuidParams {
				return one, sound, off + n, nil
			}
			sound = one
		}
		off += n
	}
	return nil, nil, 0, fmt.Errorf("read head: no parameters: %w", ErrTorn)
}

// readFragment reads the header of the fragment at off. It does not read the
// pictures: see verify.
func readFragment(r io.ReaderAt, size, off int64) (*fragment, error) {
	torn := func(what string) error { return fmt.Errorf("read fragment at %d: %s: %w", off, what, ErrTorn) }
	var b [fragmentSize + soundSize + bmff.HeaderSize]byte
	if off+int64(len(b)) > size {
		return nil, torn("file ends")
	}
	if _, err := r.ReadAt(b[:], off); err != nil {
		return nil, torn(err.Error())
	}
	be := binary.BigEndian
	h := b[uuidHead:]
	extra := 0
	if be.Uint32(h)&soundFlag != 0 {
		extra = soundSize
	}
	h = h[:fragmentSize-uuidHead+extra]
	if be.Uint32(b[:]) != uint32(fragmentSize+extra) || string(b[4:8]) != "uuid" || [16]byte(b[8:24]) != uuidFragment {
		return nil, torn("no header")
	}
	f := &fragment{
		lost: be.Uint32(h)&lostFlag != 0, boot: be.Uint64(h[4:]), run: be.Uint32(h[12:]),
		pts: int64(be.Uint64(h[16:])), dts: int64(be.Uint64(h[24:])),
		captured: time.Unix(0, int64(be.Uint64(h[32:]))).UTC(), uncertainty: time.Duration(be.Uint64(h[40:])),
		bytes: int64(be.Uint32(h[52:])), crc: be.Uint32(h[56:]),
	}
	count, sounds := be.Uint32(h[48:]), uint32(0)
	if extra > 0 {
		x := h[headerSumAt+4:]
		sounds, f.soundBytes, f.soundPTS = be.Uint32(x), int64(be.Uint32(x[4:])), int64(be.Uint64(x[8:]))
	}
	if count == 0 || count > fragmentSamplesMax || sounds > fragmentSamplesMax || f.bytes+f.soundBytes > fragmentBytesMax || extra > 0 && sounds == 0 {
		return nil, torn("absurd count")
	}
	moof := make([]byte, moofSize(int(count), int(sounds)))
	f.data = off + int64(fragmentSize+extra+len(moof)+bmff.HeaderSize)
	f.end = f.data + f.bytes + f.soundBytes
	if f.end > size {
		return nil, torn("file ends")
	}
	if _, err := r.ReadAt(moof, off+int64(fragmentSize+extra)); err != nil {
		return nil, torn(err.Error())
	}
	if headerSum(h, moof) != be.Uint32(h[headerSumAt:]) {
		return nil, torn("wrong checksum")
	}
	if version := h[0]; version != 0 {
		return nil, fmt.Errorf("read fragment at %d: version %d: %w", off, version, errNewer)
	}
	if err := f.entries(moof[moofFixed:][:trunEntry*count]); err != nil {
		return nil, err
	}
	return f, f.soundEntries(moof[moofFixed+trunEntry*int(count):])
}

func (f *fragment) entries(b []byte) error {
	var sum int64
	for e := range slices.Chunk(b, trunEntry) {
		be := binary.BigEndian
		s := entry{
			duration: be.Uint32(e), size: be.Uint32(e[4:]), key: be.Uint32(e[8:])&0x10000 == 0,
			cto: int32(be.Uint32(e[12:])),
		}
		sum += int64(s.size)
		f.samples = append(f.samples, s)
	}
	if sum != f.bytes {
		return fmt.Errorf("read fragment: sizes do not add up: %w", ErrTorn)
	}
	return nil
}

// verify reads the pictures of a fragment against their checksum.
func (f *fragment) verify(r io.ReaderAt) error {
	h := crc32.New(castagnoli)
	if _, err := io.Copy(h, io.NewSectionReader(r, f.data, f.bytes+f.soundBytes)); err != nil {
		return fmt.Errorf("read pictures at %d: %w", f.data, err)
	}
	if h.Sum32() != f.crc {
		return fmt.Errorf("read pictures at %d: wrong checksum: %w", f.data, ErrTorn)
	}
	return nil
}

// length is the sum of the fragment's durations in ticks.
func (f *fragment) length() int64 {
	var sum int64
	for _, e := range f.samples {
		sum += int64(e.duration)
	}
	return sum
}

// appendTo appends the fragment's samples, as they lie in src, pictures first;
// sound may be nil.
func (f *fragment) appendTo(dst []Sample, p, sound *ingest.Params, src io.ReaderAt) []Sample {
	dts, off := f.dts, f.data
	for i, e := range f.samples {
		pts := dts + int64(e.cto)
		dst = append(dst, Sample{
			Params: p, Boot: f.boot, Run: f.run, PTS: pts, DTS: dts, Key: e.key, Lost: f.lost && i == 0,
			Captured: f.captured.Add(Duration(pts - f.pts)), Uncertainty: f.uncertainty,
			Size: int(e.size), src: src, offset: off,
		})
		dts += int64(e.duration)
		off += int64(e.size)
	}
	if sound == nil {
		return dst
	}
	return f.appendSound(dst, sound, src, off)
}

func median(v []int64) int64 {
	slices.Sort(v)
	return v[len(v)/2]
}
