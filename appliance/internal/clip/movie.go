package clip

import (
	"errors"
	"fmt"
	"io"
	"math"
	"sort"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/appliance/internal/media/bmff"
)

// Movie is a cut as one ordinary MP4 file that does not exist yet: its head is
// in memory, its pictures are read from where they lie. It reads like a file,
// so that a part of it can be served and the whole of it written. One
// goroutine at a time; Close releases the files.
type Movie struct {
	From, To      time.Time // presented
	Gaps          []Gap
	OffsetMS      float64 // how far the camera's clock was ahead of the box's
	UncertaintyMS float64 // of From and To

	samples []*media.Sample // in the order of the file
	head    []byte
	spans   []span
	size    int64
	files   media.Files
	pos     int64
	scratch []byte // bytes of the sample in memory that was read last
	cached  int
}

// span is a stretch of the file that lies in one piece elsewhere.
type span struct {
	at, size int64
	sample   *media.Sample // its first
}

// Size of the file in bytes.
func (m *Movie) Size() int64 { return m.size }

// Close releases the files that the pictures lie in.
func (m *Movie) Close() error { return m.files.Close() }

// newMovie lays out the file of a plan; it takes over the files. clock may be
// nil: an interval that was asked for must be the same file each time.
func newMovie(p *plan, files media.Files, camera string, clock *Clock) (*Movie, error) {
	m := &Movie{From: p.From().UTC(), To: p.To().UTC(), Gaps: p.gaps, UncertaintyMS: float64(p.unsure) / 1e6, files: files, cached: -1}
	if clock != nil {
		m.OffsetMS, m.UncertaintyMS = float64(clock.Offset)/1e6, max(m.UncertaintyMS, float64(clock.Uncertainty)/1e6)
	}
	var err error
	if p.stamp, err = m.stamp(camera, clock); err != nil {
		return nil, err
	}
	entries, kinds, err := p.sampleEntries()
	if err != nil {
		return nil, err
	}
	chunks := p.chunks(kinds)
	m.samples = p.inFile(chunks)
	var data int64
	for _, s := range m.samples {
		data += int64(s.Size)
	}
	var soundEntry []byte
	if p.sound != nil {
		if soundEntry, err = media.SampleEntry(p.sound.params); err != nil {
			return nil, err
		}
	}
	large := data > math.MaxUint32-(64<<20)
	w := &bmff.Buffer{}
	bmff.FileType(w, "isom", "iso2", "avc1", "mp41")
	ftyp := w.Bytes()
	moov := moovBox(p, entries, soundEntry, chunks, large, 0)
	mdat := mdatHeader(data, large)
	base := int64(len(ftyp) + len(moov) + len(mdat))
	moov = moovBox(p, entries, soundEntry, chunks, large, base) // offsets take the same room whatever they are
	m.head = append(append(ftyp, moov...), mdat...)
	m.size = base
	for _, s := range m.samples {
		m.put(s)
	}
	return m, nil
}

// inFile are all samples in the order of the file.
func (p *plan) inFile(chunks []chunk) []*media.Sample {
	var list []*media.Sample
	for _, c := range chunks {
		track := p.samples
		if c.sound {
			track = p.sound.samples
		}
		for i := c.first; i < c.first+c.n; i++ {
			list = append(list, &track[i])
		}
	}
	return list
}

func (m *Movie) put(s *media.Sample) {
	if s.Size == 0 {
		return
	}
	src, off := s.Place()
	if n := len(m.spans); n > 0 && src != nil {
		last := &m.spans[n-1]
		if lsrc, loff := last.sample.Place(); lsrc == src && loff+last.size == off {
			last.size += int64(s.Size)
			m.size += int64(s.Size)
			return
		}
	}
	m.spans = append(m.spans, span{at: m.size, size: int64(s.Size), sample: s})
	m.size += int64(s.Size)
}

// Read reads on from where the last Read or Seek ended.
func (m *Movie) Read(b []byte) (int, error) {
	n, err := m.ReadAt(b, m.pos)
	m.pos += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// Seek as io.Seeker.
func (m *Movie) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += m.pos
	case io.SeekEnd:
		offset += m.size
	}
	if offset < 0 {
		return m.pos, fmt.Errorf("seek clip to %d: before its start", offset)
	}
	m.pos = offset
	return offset, nil
}

// ReadAt as io.ReaderAt.
func (m *Movie) ReadAt(b []byte, off int64) (int, error) {
	done := 0
	if off < int64(len(m.head)) {
		done = copy(b, m.head[off:])
	}
	i := sort.Search(len(m.spans), func(i int) bool { return m.spans[i].at+m.spans[i].size > off+int64(done) })
	for done < len(b) && i < len(m.spans) {
		n, err := m.readSpan(i, b[done:], off+int64(done)-m.spans[i].at)
		done += n
		if err != nil {
			return done, err
		}
		i++
	}
	if done < len(b) {
		return done, io.EOF
	}
	return done, nil
}

func (m *Movie) readSpan(i int, b []byte, skip int64) (int, error) {
	sp := &m.spans[i]
	b = b[:min(int64(len(b)), sp.size-skip)]
	src, off := sp.sample.Place()
	if src != nil {
		n, err := src.ReadAt(b, off+skip)
		if err != nil {
			return n, fmt.Errorf("read pictures at %d: %w", off+skip, err)
		}
		return n, nil
	}
	if m.cached != i {
		var err error
		if m.scratch, err = sp.sample.Append(m.scratch[:0]); err != nil {
			return 0, err
		}
		m.cached = i
	}
	return copy(b, m.scratch[skip:]), nil
}
