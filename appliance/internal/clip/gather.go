package clip

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/ingest"
)

// ErrRefused says that what was asked for can never be cut.
var ErrRefused = errors.New("interval refused")

// intervalMax is the longest interval that is cut at once.
const intervalMax = time.Hour

func possible(from, to, now time.Time) error {
	switch {
	case !from.Before(to):
		return fmt.Errorf("it ends before it begins: %w", ErrRefused)
	case to.Sub(from) > intervalMax:
		return fmt.Errorf("longer than %s: %w", intervalMax, ErrRefused)
	case to.After(now):
		return fmt.Errorf("it has not happened yet: %w", ErrRefused)
	}
	return nil
}

// cut gathers what there is of an interval, on disk, in part 1 of the clip in
// dir (if any) and in the ring, and plans the cut.
func (c *Cutter) cut(camera, dir string, from, to time.Time, clock *Clock) (*Movie, error) {
	// A segment begins with a key unit, but the one before from may stand in
	// the segment before; and the last picture ends where the next one begins.
	samples, files, err := c.opt.Store.Samples(camera, from.Add(-gopMax), to.Add(time.Second))
	if err != nil { // the ring may still have it
		c.log.Warn("recording not read", "camera", camera, "err", err)
	}
	if dir != "" {
		part, f, err := readSamples(dir)
		if err != nil {
			return nil, errors.Join(err, files.Close())
		}
		if f != nil {
			samples, files = append(samples, part...), append(files, f)
		}
	}
	c.mu.Lock()
	h := c.cameras[camera]
	c.mu.Unlock()
	if h != nil {
		newest, _, _ := h.ring.After(0)
		samples = append(samples, newest...)
	}
	p, err := makePlan(samples, from, to)
	if err == nil {
		var m *Movie
		if m, err = newMovie(p, files, camera, clock); err == nil {
			return m, nil
		}
	}
	return nil, errors.Join(err, files.Close())
}

// samplesFile tells where each picture stands in part 1: what the ring held
// before the alert is on disk there only, and the whole is made from it.
const samplesFile = "1.samples.json"

type sampleTable struct {
	Bytes  int64            `json:"bytes"` // of part 1
	Params []*ingest.Params `json:"params"`
	Rows   []sampleRow      `json:"rows"`
}

type sampleRow struct {
	Params int       `json:"p"`
	Boot   uint64    `json:"b"`
	Run    uint32    `json:"r"`
	PTS    int64     `json:"t"`
	DTS    int64     `json:"d"`
	Key    bool      `json:"k,omitempty"`
	Lost   bool      `json:"l,omitempty"`
	At     time.Time `json:"at"`
	Unsure int64     `json:"u"`
	Size   int       `json:"s"`
	Sound  int       `json:"n,omitempty"` // samples of a stretch of sound
	Silent bool      `json:"q,omitempty"`
}

func writeSamples(dir string, m *Movie) error {
	t := sampleTable{Bytes: m.Size()}
	for _, s := range m.samples {
		p := slices.Index(t.Params, s.Params)
		if p < 0 {
			p = len(t.Params)
			t.Params = append(t.Params, s.Params)
		}
		t.Rows = append(t.Rows, sampleRow{
			Params: p, Boot: s.Boot, Run: s.Run, PTS: s.PTS, DTS: s.DTS, Key: s.Key, Lost: s.Lost,
			At: s.Captured.UTC(), Unsure: int64(s.Uncertainty), Size: s.Size,
			Sound: s.Samples, Silent: s.Silent,
		})
	}
	return writeJSON(filepath.Join(dir, samplesFile), t)
}

// readSamples are the samples of part 1, and its open file; none when there
// is no part 1, or not the one that the table is of.
func readSamples(dir string) ([]media.Sample, *os.File, error) {
	var t sampleTable
	if err := readJSON(filepath.Join(dir, samplesFile), &t); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, nil, nil
		}
		return nil, nil, fmt.Errorf("read samples of part 1: %w", err)
	}
	f, err := os.Open(filepath.Join(dir, Part1+".mp4"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, nil
	} else if err != nil {
		return nil, nil, err
	}
	out, err := t.in(f)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return out, f, nil
}

func (t *sampleTable) in(f *os.File) ([]media.Sample, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if size != t.Bytes {
		return nil, nil
	}
	off := size
	for _, r := range t.Rows {
		off -= int64(r.Size)
	}
	out := make([]media.Sample, 0, len(t.Rows))
	for _, r := range t.Rows {
		if r.Params < 0 || r.Params >= len(t.Params) || off < 0 {
			return nil, fmt.Errorf("read samples of part 1: table is wrong")
		}
		s := media.Sample{
			Params: t.Params[r.Params], Boot: r.Boot, Run: r.Run, PTS: r.PTS, DTS: r.DTS, Key: r.Key, Lost: r.Lost,
			Captured: r.At, Uncertainty: time.Duration(r.Unsure), Size: r.Size, Samples: r.Sound,
		}
		if !r.Silent {
			out = append(out, s.At(f, off))
		}
		off += int64(r.Size)
	}
	return out, nil
}
