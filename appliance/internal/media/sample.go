package media

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/watchpost-edge/watchpost/ingest"
)

// Sample is one access unit as it stands in an MP4 file: its instants, and
// where its bytes are, in memory (shared with the Unit) or in a file.
type Sample struct {
	Params      *ingest.Params
	Boot        uint64 // the run of the box that took it: Run starts anew with each
	Run         uint32
	PTS, DTS    int64 // ticks of ingest.ClockRate within Boot and Run
	Key         bool
	Lost        bool // units before this one were dropped on the box
	Captured    time.Time
	Uncertainty time.Duration
	Size        int  // bytes in the file
	Samples     int  // sound only: samples per channel
	Silent      bool // sound that nobody sent: it fills a gap

	unit   *ingest.Unit
	src    io.ReaderAt
	offset int64
}

// nalLength is the size of the length in front of each NAL unit
// (ISO/IEC 14496-15, lengthSizeMinusOne = 3).
const nalLength = 4

// FromUnit makes a sample of a unit without copying it.
func FromUnit(u *ingest.Unit, boot uint64, lost bool) Sample {
	s := Sample{
		Params: u.Params, Boot: boot, Run: u.Run, PTS: u.PTS, DTS: u.DTS, Key: u.Key, Lost: lost,
		Captured: u.Captured, Uncertainty: u.Uncertainty, Samples: u.Samples, unit: u,
	}
	if u.Params.Codec == ingest.LPCM {
		s.Size = flacSize(u.Params, s.number(), u.Samples, len(u.NALs) == 0)
		return s
	}
	for _, nal := range u.NALs {
		if n := len(nal); n > 0 && keeps(u.Params, nal) {
			s.Size += n
			if prefixed(u.Params.Codec) {
				s.Size += nalLength
			}
		}
	}
	return s
}

// prefixed tells whether the file has a length before each NAL unit.
func prefixed(c ingest.Codec) bool { return c == ingest.H264 || c == ingest.H265 }

// Sound tells sound from pictures.
func (s *Sample) Sound() bool { return s.Params.Codec.Audio() }

// number is the place of a stretch of sound among all of its run.
func (s *Sample) number() uint64 {
	return uint64(max(0, s.PTS)) * uint64(s.Params.SampleRate) / ingest.ClockRate
}

// Split parts pictures from sound.
func Split(samples []Sample) (pictures, sound []Sample) {
	for i := range samples {
		if samples[i].Sound() {
			sound = append(sound, samples[i])
		} else {
			pictures = append(pictures, samples[i])
		}
	}
	if sound == nil {
		return samples, nil
	}
	return pictures, sound
}

// At makes a sample whose bytes lie in src.
func (s Sample) At(src io.ReaderAt, offset int64) Sample {
	s.unit, s.src, s.offset = nil, src, offset
	return s
}

// Place is the file and the offset of a sample that is on disk; nil for one
// in memory.
func (s *Sample) Place() (io.ReaderAt, int64) { return s.src, s.offset }

// Append appends the sample's bytes to dst.
func (s *Sample) Append(dst []byte) ([]byte, error) {
	if s.unit == nil {
		at := len(dst)
		dst = append(dst, make([]byte, s.Size)...)
		if _, err := s.src.ReadAt(dst[at:], s.offset); err != nil {
			return dst[:at], fmt.Errorf("read sample at %d: %w", s.offset, err)
		}
		return dst, nil
	}
	if s.Params.Codec == ingest.LPCM {
		var lpcm []byte
		if len(s.unit.NALs) > 0 {
			lpcm = s.unit.NALs[0]
		}
		if lpcm != nil && len(lpcm) < 2*s.Samples*s.Params.Channels {
			return dst, fmt.Errorf("write sound: %d bytes for %d samples", len(lpcm), s.Samples)
		}
		return appendFLAC(dst, s.Params, s.number(), s.Samples, lpcm), nil
	}
	for _, nal := range s.unit.NALs {
		if len(nal) == 0 || !keeps(s.Params, nal) {
			continue
		}
		if prefixed(s.Params.Codec) {
			dst = binary.BigEndian.AppendUint32(dst, uint32(len(nal)))
		}
		dst = append(dst, nal...)
	}
	return dst, nil
}

// keeps tells whether a NAL unit belongs into the file. Parameter sets that
// the sample entry already has, access unit delimiters and filler do not
// (ISO/IEC 14496-15, 5.3.2): constant-bit-rate cameras fill half their stream
// with filler.
func keeps(p *ingest.Params, nal []byte) bool {
	switch p.Codec {
	case ingest.H264:
		switch nal[0] & 0x1f {
		case 7:
			return !bytes.Equal(nal, p.SPS)
		case 8:
			return !bytes.Equal(nal, p.PPS)
		case 9, 12:
			return false
		}
	case ingest.H265:
		switch nal[0] >> 1 & 0x3f {
		case 32:
			return !bytes.Equal(nal, p.VPS)
		case 33:
			return !bytes.Equal(nal, p.SPS)
		case 34:
			return !bytes.Equal(nal, p.PPS)
		case 35, 38:
			return false
		}
	}
	return true
}

// SameParams tells whether one decoder configuration serves both.
func SameParams(a, b *ingest.Params) bool {
	return a == b || a != nil && b != nil && a.Codec == b.Codec && a.Width == b.Width && a.Height == b.Height &&
		a.SampleRate == b.SampleRate && a.Channels == b.Channels && bytes.Equal(a.Config, b.Config) &&
		bytes.Equal(a.VPS, b.VPS) && bytes.Equal(a.SPS, b.SPS) && bytes.Equal(a.PPS, b.PPS)
}

// Nominal is the usual distance of two pictures in ticks of
// ingest.ClockRate: what the parameters say, else the median of what is
// there, else 25 pictures a second.
func Nominal(samples []Sample) int64 {
	if len(samples) > 0 && samples[0].Params.FPS >= 1 && samples[0].Params.FPS <= 240 {
		return int64(ingest.ClockRate/samples[0].Params.FPS + 0.5)
	}
	var steps []int64
	for i := 1; i < len(samples) && len(steps) < 101; i++ {
		if d := samples[i].DTS - samples[i-1].DTS; d > 0 && samples[i].Run == samples[i-1].Run {
			steps = append(steps, d)
		}
	}
	if len(steps) == 0 {
		return ingest.ClockRate / 25
	}
	return median(steps)
}

// Ticks converts a duration to ticks of ingest.ClockRate, rounded.
func Ticks(d time.Duration) int64 {
	const second = int64(time.Second)
	whole, rest := int64(d)/second, int64(d)%second
	half := second / 2
	if rest < 0 {
		half = -half
	}
	return whole*ingest.ClockRate + (rest*ingest.ClockRate+half)/second
}

// Duration converts ticks of ingest.ClockRate to a duration, rounded down.
func Duration(ticks int64) time.Duration {
	whole, rest := ticks/ingest.ClockRate, ticks%ingest.ClockRate
	return time.Duration(whole)*time.Second + time.Duration(rest)*time.Second/ingest.ClockRate
}
