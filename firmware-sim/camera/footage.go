package camera

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/abema/go-mp4"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// Codec is how footage is compressed.
type Codec string

// Codecs of footage.
const (
	H264  Codec = "h264"
	H265  Codec = "h265"
	MJPEG Codec = "mjpeg"
)

// Footage is one film in memory: what a camera plays again and again. It is
// never changed after it was loaded, so cameras may share it.
type Footage struct {
	Codec     Codec
	VPS       []byte // H.265 only
	SPS, PPS  []byte // H.264 and H.265
	Frames    []Frame
	TimeScale int64 // units a second
	Duration  int64 // of one loop, in units
}

// Frame is one access unit, in order of decoding and of showing.
type Frame struct {
	Start int64    // from the start of the loop, in units
	NALUs [][]byte // with parameter sets in front of a key frame; MJPEG: one JPEG file
	Key   bool
}

// frameRateDefault is assumed for JPEGs, and for an Annex-B stream whose SPS
// has no timing.
const frameRateDefault = 25

// LoadFootage reads an .mp4 (avc1), an Annex-B .h264 or .h265 file, or .mjpeg,
// which is one JPEG after the other. It refuses B-frames, whose order of showing RTP could not follow at a loop, and footage
// that does not start with a key frame.
func LoadFootage(path string) (*Footage, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("load footage: %w", err)
	}
	var f *Footage
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".mp4", ".m4v", ".mov":
		f, err = parseMP4(raw)
	case ".h264", ".264", ".avc":
		f, err = parseAnnexB(raw, H264)
	case ".h265", ".265", ".hevc":
		f, err = parseAnnexB(raw, H265)
	case ".mjpeg", ".mjpg":
		f, err = parseMJPEG(raw)
	default:
		err = fmt.Errorf("extension %q: want .mp4, .h264, .h265 or .mjpeg", ext)
	}
	if err != nil {
		return nil, fmt.Errorf("load footage %s: %w", path, err)
	}
	if len(f.Frames) == 0 || !f.Frames[0].Key || f.Duration <= 0 {
		return nil, fmt.Errorf("load footage %s: does not start with a key frame", path)
	}
	return f, nil
}

// Rate is the mean number of frames a second.
func (f *Footage) Rate() float64 {
	return float64(len(f.Frames)) * float64(f.TimeScale) / float64(f.Duration)
}

// SameFilm refuses another size of the film whose frames do not come at the
// same time, with the same key frames; nil is no other size.
func (f *Footage) SameFilm(other *Footage) error {
	if other == nil {
		return nil
	}
	same := func(a, b Frame) bool { return a.Key == b.Key && a.Start == b.Start }
	if f.Codec != other.Codec || f.TimeScale != other.TimeScale || !slices.EqualFunc(f.Frames, other.Frames, same) {
		return errors.New("compare footage: the other size is another film: encode it with the same codec, rate and key frames (-sc_threshold 0)")
	}
	return nil
}

func parseMP4(raw []byte) (*Footage, error) {
	r := bytes.NewReader(raw)
	info, err := mp4.Probe(r)
	if err != nil {
		return nil, err
	}
	var track *mp4.Track
	for _, t := range info.Tracks {
		if t.Codec == mp4.CodecAVC1 && t.AVC != nil {
			track = t
			break
		}
	}
	if track == nil {
		return nil, errors.New("no H.264 track")
	}
	if track.AVC.LengthSize != 4 || track.Timescale == 0 {
		return nil, fmt.Errorf("NAL units with %d-byte lengths at time scale %d: want 4 and above 0", track.AVC.LengthSize, track.Timescale)
	}
	f := &Footage{Codec: H264, TimeScale: int64(track.Timescale)}
	if f.SPS, f.PPS, err = parameterSets(r); err != nil {
		return nil, err
	}
	return f, f.addSamples(raw, track)
}

func parameterSets(r *bytes.Reader) (sps, pps []byte, err error) {
	boxes, err := mp4.ExtractBoxWithPayload(r, nil, mp4.BoxPath{
		mp4.BoxTypeMoov(), mp4.BoxTypeTrak(), mp4.BoxTypeMdia(), mp4.BoxTypeMinf(), mp4.BoxTypeStbl(), mp4.BoxTypeStsd(),
		mp4.BoxTypeAvc1(), mp4.BoxTypeAvcC(),
	})
	if err != nil {
		return nil, nil, err
	}
	for _, box := range boxes {
		conf, ok := box.Payload.(*mp4.AVCDecoderConfiguration)
		if ok && len(conf.SequenceParameterSets) > 0 && len(conf.PictureParameterSets) > 0 {
			return conf.SequenceParameterSets[0].NALUnit, conf.PictureParameterSets[0].NALUnit, nil
		}
	}
	return nil, nil, errors.New("no parameter sets")
}

func (f *Footage) addSamples(raw []byte, track *mp4.Track) error {
	n := 0
	for _, chunk := range track.Chunks {
		offset := chunk.DataOffset
		for range chunk.SamplesPerChunk {
			if n == len(track.Samples) {
				return nil
			}
			s := track.Samples[n]
			end := offset + uint64(s.Size)
			if end > uint64(len(raw)) || end < offset {
				return fmt.Errorf("frame %d lies beyond the end of the file", n)
			}
			if s.CompositionTimeOffset != track.Samples[0].CompositionTimeOffset {
				return fmt.Errorf("frame %d is shown in another order than sent: encode without B-frames (-bf 0)", n)
			}
			var au h264.AVCC
			if err := au.Unmarshal(raw[offset:end]); err != nil {
				return fmt.Errorf("frame %d: %w", n, err)
			}
			f.add(au, int64(s.TimeDelta))
			offset = end
			n++
		}
	}
	return nil
}
