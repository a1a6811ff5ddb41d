package camera

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/abema/go-mp4"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// Footage is one H.264 track in memory: what a camera plays again and again.
// It is never changed after it was loaded, so cameras may share it.
type Footage struct {
	SPS, PPS  []byte
	Frames    []Frame
	TimeScale int64 // units a second
	Duration  int64 // of one loop, in units
}

// Frame is one access unit, in order of decoding and of showing.
type Frame struct {
	Start int64    // from the start of the loop, in units
	NALUs [][]byte // with parameter sets in front of a key frame
	Key   bool
}

// frameRateDefault is assumed for an Annex-B stream whose SPS has no timing.
const frameRateDefault = 25

// LoadFootage reads an .mp4 (avc1) or an Annex-B .h264 file. It refuses
// B-frames, whose order of showing RTP could not follow at a loop, and footage
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
		f, err = parseAnnexB(raw)
	default:
		err = fmt.Errorf("extension %q: want .mp4 or .h264", ext)
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
	f := &Footage{TimeScale: int64(track.Timescale)}
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

func (f *Footage) add(au [][]byte, duration int64) {
	key := h264.IsRandomAccess(au)
	if key {
		au = f.withParameterSets(au)
	}
	f.Frames = append(f.Frames, Frame{Start: f.Duration, NALUs: au, Key: key})
	f.Duration += duration
}

// withParameterSets puts SPS and PPS in front, once, as cameras do.
func (f *Footage) withParameterSets(au [][]byte) [][]byte {
	out := [][]byte{f.SPS, f.PPS}
	for _, nalu := range au {
		if kind := naluType(nalu); kind != h264.NALUTypeSPS && kind != h264.NALUTypePPS {
			out = append(out, nalu)
		}
	}
	return out
}

func naluType(nalu []byte) h264.NALUType {
	if len(nalu) == 0 {
		return 0
	}
	return h264.NALUType(nalu[0] & 0x1f)
}

func parseAnnexB(raw []byte) (*Footage, error) {
	nalus := splitAnnexB(raw)
	f := &Footage{}
	for _, nalu := range nalus {
		switch {
		case naluType(nalu) == h264.NALUTypeSPS && f.SPS == nil:
			f.SPS = nalu
		case naluType(nalu) == h264.NALUTypePPS && f.PPS == nil:
			f.PPS = nalu
		}
	}
	if f.SPS == nil || f.PPS == nil {
		return nil, errors.New("no parameter sets")
	}
	duration, err := f.setRate()
	if err != nil {
		return nil, err
	}
	var au [][]byte
	hasSlice := false
	for _, nalu := range nalus {
		slice := naluType(nalu) == h264.NALUTypeNonIDR || naluType(nalu) == h264.NALUTypeIDR
		// first_mb_in_slice is 0 (one bit, set) in the first slice of a picture
		first := slice && len(nalu) > 1 && nalu[1]&0x80 != 0
		if hasSlice && (first || !slice) {
			f.add(au, duration)
			au, hasSlice = nil, false
		}
		if naluType(nalu) != h264.NALUTypeAccessUnitDelimiter {
			au = append(au, nalu)
		}
		hasSlice = hasSlice || slice
	}
	if hasSlice {
		f.add(au, duration)
	}
	return f, nil
}

// setRate takes the frame rate from the SPS and returns a frame's duration.
func (f *Footage) setRate() (int64, error) {
	var sps h264.SPS
	if err := sps.Unmarshal(f.SPS); err != nil {
		return 0, fmt.Errorf("read SPS: %w", err)
	}
	if t := sps.VUI; t != nil && t.TimingInfo != nil && t.TimingInfo.TimeScale > 0 && t.TimingInfo.NumUnitsInTick > 0 {
		f.TimeScale = int64(t.TimingInfo.TimeScale)
		return 2 * int64(t.TimingInfo.NumUnitsInTick), nil // a tick is a field
	}
	f.TimeScale = frameRateDefault
	return 1, nil
}

// splitAnnexB cuts at start codes; unlike the decoder of a single access unit
// it takes a stream of any length.
func splitAnnexB(raw []byte) [][]byte {
	var nalus [][]byte
	start := -1
	for i := 0; i+3 <= len(raw); i++ {
		if raw[i] != 0 || raw[i+1] != 0 || raw[i+2] != 1 {
			continue
		}
		if start >= 0 {
			nalus = appendNALU(nalus, raw[start:i])
		}
		start = i + 3
		i += 2
	}
	if start >= 0 {
		nalus = appendNALU(nalus, raw[start:])
	}
	return nalus
}

func appendNALU(nalus [][]byte, nalu []byte) [][]byte {
	nalu = bytes.TrimRight(nalu, "\x00") // trailing_zero_8bits belong to no NAL unit
	if len(nalu) == 0 {
		return nalus
	}
	return append(nalus, nalu)
}
