package media

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4"

	"github.com/watchpost-edge/watchpost/appliance/internal/media/bmff"
	"github.com/watchpost-edge/watchpost/ingest"
)

// Sound stands in MP4 as AAC, as it came, or as FLAC (RFC 9639), which says
// what LPCM says: no player that matters takes raw LPCM in MP4 (Chromium plays
// none), all take FLAC. The frames are FLAC's verbatim ones: not smaller than
// LPCM, and made without a thought.

const (
	flacBlockMin = 16
	flacBlockMax = 65535
	flacHeadMax  = 16 // of a frame, with its checksum
)

// SoundTicks is how long a stretch of sound lasts, in ticks of
// ingest.ClockRate.
func SoundTicks(p *ingest.Params, samples int) int64 {
	return (int64(samples)*ingest.ClockRate + int64(p.SampleRate)/2) / int64(p.SampleRate)
}

// soundEntry is the sample entry of a track of sound.
func soundEntry(p *ingest.Params) ([]byte, error) {
	if p.SampleRate <= 0 || p.SampleRate > 655350 || p.Channels < 1 || p.Channels > 8 {
		return nil, fmt.Errorf("write head for %s: %d channels of %d samples a second", p.Codec, p.Channels, p.SampleRate)
	}
	if p.Codec == ingest.AAC {
		codec := &mp4.CodecMPEG4Audio{}
		if err := codec.Config.Unmarshal(p.Config); err != nil {
			return nil, fmt.Errorf("write head for %s: %w", p.Codec, err)
		}
		return bmff.SampleEntry(codec)
	}
	w := &bmff.Buffer{}
	w.Start("fLaC")
	w.Put(make([]byte, 6))
	w.U16(1)
	w.U64(0)
	w.U16(uint16(p.Channels))
	w.U16(16)
	w.U32(0)
	w.U32(uint32(min(p.SampleRate, 0xffff)) << 16)
	w.StartFull("dfLa", 0, 0)
	w.Put([]byte{0x80, 0, 0, 34}) // STREAMINFO, the last block
	w.U16(flacBlockMin)
	w.U16(flacBlockMax)
	w.Put(make([]byte, 6)) // sizes of frames: not known
	w.U64(uint64(p.SampleRate)<<44 | uint64(p.Channels-1)<<41 | 15<<36)
	w.Put(make([]byte, 16)) // no MD5
	w.End()
	w.End()
	return w.Bytes(), nil
}

// flacSize is the size of a frame: header, for each channel a byte and its
// samples (one, when all are zero), and the checksum.
func flacSize(p *ingest.Params, number uint64, samples int, silent bool) int {
	body := 2 * samples
	if silent {
		body = 2
	}
	return len(flacHeader(p, number, samples)) + p.Channels*(1+body) + 2
}

// flacHeader is that of a frame of a variable block size (RFC 9639, 9.1).
func flacHeader(p *ingest.Params, number uint64, samples int) []byte {
	b := append(make([]byte, 0, flacHeadMax), 0xff, 0xf9, 0x70, byte(p.Channels-1)<<4|0x08)
	b = appendCoded(b, number&(1<<36-1))
	b = binary.BigEndian.AppendUint16(b, uint16(samples-1))
	return append(b, crc8(b))
}

// appendCoded writes up to 36 bits as UTF-8 would (RFC 9639, 9.1.5).
func appendCoded(b []byte, v uint64) []byte {
	if v <= 0xffff && (v < 0xd800 || v > 0xdfff) {
		return utf8.AppendRune(b, rune(v))
	}
	more := 2
	for v>>(6*more) >= 1<<(6-more) {
		more++
	}
	b = append(b, byte(0xff<<(7-more))|byte(v>>(6*more)))
	for i := more - 1; i >= 0; i-- {
		b = append(b, 0x80|byte(v>>(6*i))&0x3f)
	}
	return b
}

// appendFLAC appends a frame of LPCM; nil is silence.
func appendFLAC(dst []byte, p *ingest.Params, number uint64, samples int, lpcm []byte) []byte {
	at := len(dst)
	dst = append(dst, flacHeader(p, number, samples)...)
	for c := range p.Channels {
		if lpcm == nil {
			dst = append(dst, 0x00, 0, 0) // constant: zero
			continue
		}
		dst = append(dst, 0x02) // verbatim
		for i := range samples {
			o := 2 * (i*p.Channels + c)
			dst = append(dst, lpcm[o], lpcm[o+1])
		}
	}
	return binary.BigEndian.AppendUint16(dst, crc16(dst[at:]))
}

func crc8(b []byte) (c byte) {
	for _, x := range b {
		c ^= x
		for range 8 {
			if c&0x80 != 0 {
				c = c<<1 ^ 0x07
			} else {
				c <<= 1
			}
		}
	}
	return c
}

func crc16(b []byte) (c uint16) {
	for _, x := range b {
		c ^= uint16(x) << 8
		for range 8 {
			if c&0x8000 != 0 {
				c = c<<1 ^ 0x8005
			} else {
				c <<= 1
			}
		}
	}
	return c
}

// silentAAC are raw access units of silence of AAC-LC by channels.
func silentAAC(channels int) []byte {
	switch channels {
	case 1:
		return []byte{0x00, 0xc8, 0x00, 0x80, 0x23, 0x80}
	case 2:
		return []byte{0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80}
	}
	return nil
}

// aacSamples are in one access unit of AAC-LC (ISO/IEC 14496-3, 4.5.1.1).
const aacSamples = 1024

// Silence is a stretch of silence of at most so many samples; false where the
// codec has none of that length.
func Silence(p *ingest.Params, samples int) (Sample, bool) {
	u := &ingest.Unit{Params: p, Samples: min(samples, flacBlockMax)}
	if p.Codec == ingest.AAC {
		var config mpeg4audio.AudioSpecificConfig
		raw := silentAAC(p.Channels)
		if config.Unmarshal(p.Config) != nil || config.Type != mpeg4audio.ObjectTypeAACLC || raw == nil || samples < aacSamples {
			return Sample{}, false
		}
		u.Samples, u.NALs = aacSamples, [][]byte{raw}
	} else if samples < 1 {
		return Sample{}, false
	}
	s := FromUnit(u, 0, false)
	s.Silent = true
	return s, true
}
