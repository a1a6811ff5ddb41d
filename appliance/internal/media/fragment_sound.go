package media

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/watchpost-edge/watchpost/appliance/internal/media/bmff"
	"github.com/watchpost-edge/watchpost/ingest"
)

// The sound of a fragment is a second traf, and lies behind the pictures. A
// fragment with sound says so in its flags, and has behind its header how many
// stretches there are, their bytes, and the PTS of the first.
const (
	soundFlag = 2
	soundSize = 4 + 4 + 8
	soundTrun = 12
	// soundFixed is traf with tfhd, tfdt and trun without its entries.
	soundFixed = 8 + 16 + 20 + 20
)

func moofSize(samples, sounds int) int {
	n := moofFixed + trunEntry*samples
	if sounds > 0 {
		n += soundFixed + soundTrun*sounds
	}
	return n
}

// encodeSound writes the traf of the sound. A pause stretches the stretch
// before it, so how many samples it has stands in its degradation priority,
// which nobody else reads.
func encodeSound(w *bmff.Buffer, sounds []Sample, base int64, offset int) {
	startTraf(w, 2, sounds[0].PTS-base, 0x01|0x100|0x200|0x400, len(sounds), offset) // offset, duration, size, flags
	for i := range sounds {
		s := &sounds[i]
		step := SoundTicks(s.Params, s.Samples)
		if i+1 < len(sounds) {
			step = max(1, sounds[i+1].PTS-s.PTS)
		}
		w.U32(uint32(step))
		w.U32(uint32(s.Size))
		w.U32(0x02000000 | uint32(s.Samples)&0xffff)
	}
	w.End()
	w.End()
}

// soundEntries reads what encodeSound wrote; b is nothing, or the traf.
func (f *fragment) soundEntries(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	var sum int64
	for e := range slices.Chunk(b[soundFixed:], soundTrun) {
		be := binary.BigEndian
		s := entry{duration: be.Uint32(e), size: be.Uint32(e[4:]), samples: uint16(be.Uint32(e[8:]))}
		sum += int64(s.size)
		f.sounds = append(f.sounds, s)
	}
	if sum != f.soundBytes {
		return fmt.Errorf("read fragment: sizes of sound do not add up: %w", ErrTorn)
	}
	return nil
}

func (f *fragment) appendSound(dst []Sample, p *ingest.Params, src io.ReaderAt, off int64) []Sample {
	pts := f.soundPTS
	for _, e := range f.sounds {
		dst = append(dst, Sample{
			Params: p, Boot: f.boot, Run: f.run, PTS: pts, DTS: pts, Captured: f.captured.Add(Duration(pts - f.pts)),
			Uncertainty: f.uncertainty, Size: int(e.size), Samples: int(e.samples), src: src, offset: off,
		})
		pts += int64(e.duration)
		off += int64(e.size)
	}
	return dst
}
