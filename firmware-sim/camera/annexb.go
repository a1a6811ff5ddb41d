package camera

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

// add appends an access unit, its parameter sets in front if it is a key.
func (f *Footage) add(au [][]byte, duration int64) {
	key := h264.IsRandomAccess(au)
	if f.Codec == H265 {
		key = h265.IsRandomAccess(au)
	}
	if key {
		au = f.withParameterSets(au)
	}
	f.Frames = append(f.Frames, Frame{Start: f.Duration, NALUs: au, Key: key})
	f.Duration += duration
}

// withParameterSets puts the sets in front, once, as cameras do.
func (f *Footage) withParameterSets(au [][]byte) [][]byte {
	var out [][]byte
	if f.Codec == H265 {
		out = append(out, f.VPS)
	}
	out = append(out, f.SPS, f.PPS)
	for _, nalu := range au {
		if f.set(nalu) == nil {
			out = append(out, nalu)
		}
	}
	return out
}

// set is where a parameter set belongs, nil when the NAL unit is none.
func (f *Footage) set(nalu []byte) *[]byte {
	if f.Codec == H265 {
		switch h265.NALUType(nalu[0] >> 1 & 0x3F) {
		case h265.NALUType_VPS_NUT:
			return &f.VPS
		case h265.NALUType_SPS_NUT:
			return &f.SPS
		case h265.NALUType_PPS_NUT:
			return &f.PPS
		}
		return nil
	}
	switch h264.NALUType(nalu[0] & 0x1F) {
	case h264.NALUTypeSPS:
		return &f.SPS
	case h264.NALUTypePPS:
		return &f.PPS
	}
	return nil
}

// slice tells whether the NAL unit is part of a picture, and if so whether it
// is the first part: first_mb_in_slice is 0, or first_slice_segment_in_pic_flag
// is set, and both are the first bit behind the header.
func (f *Footage) slice(nalu []byte) (is, first bool) {
	if f.Codec == H265 {
		is = h265.NALUType(nalu[0]>>1&0x3F) < h265.NALUType_VPS_NUT
		return is, is && len(nalu) > 2 && nalu[2]&0x80 != 0
	}
	kind := h264.NALUType(nalu[0] & 0x1F)
	is = kind == h264.NALUTypeNonIDR || kind == h264.NALUTypeIDR
	return is, is && len(nalu) > 1 && nalu[1]&0x80 != 0
}

func (f *Footage) delimits(nalu []byte) bool {
	if f.Codec == H265 {
		return h265.NALUType(nalu[0]>>1&0x3F) == h265.NALUType_AUD_NUT
	}
	return h264.NALUType(nalu[0]&0x1F) == h264.NALUTypeAccessUnitDelimiter
}

func parseAnnexB(raw []byte, codec Codec) (*Footage, error) {
	nalus := splitAnnexB(raw)
	f := &Footage{Codec: codec}
	for _, nalu := range nalus {
		if set := f.set(nalu); set != nil && *set == nil {
			*set = nalu
		}
	}
	if f.SPS == nil || f.PPS == nil || codec == H265 && f.VPS == nil {
		return nil, errors.New("no parameter sets")
	}
	duration, err := f.setRate()
	if err != nil {
		return nil, err
	}
	var au [][]byte
	pictured := false
	for _, nalu := range nalus {
		slice, first := f.slice(nalu)
		if pictured && (first || !slice) {
			f.add(au, duration)
			au, pictured = nil, false
		}
		if !f.delimits(nalu) {
			au = append(au, nalu)
		}
		pictured = pictured || slice
	}
	if pictured {
		f.add(au, duration)
	}
	return f, nil
}

// setRate takes the frame rate from the SPS and returns a frame's duration.
func (f *Footage) setRate() (int64, error) {
	if f.Codec == H265 {
		var sps h265.SPS
		if err := sps.Unmarshal(f.SPS); err != nil {
			return 0, fmt.Errorf("read SPS: %w", err)
		}
		if t := sps.VUI; t != nil && t.TimingInfo != nil && t.TimingInfo.TimeScale > 0 && t.TimingInfo.NumUnitsInTick > 0 {
			f.TimeScale = int64(t.TimingInfo.TimeScale)
			return int64(t.TimingInfo.NumUnitsInTick), nil
		}
		f.TimeScale = frameRateDefault
		return 1, nil
	}
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
