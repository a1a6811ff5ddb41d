// Package bmff writes the boxes of ISO/IEC 14496-12 files (MP4): a buffer
// that closes what it opened, and the two pieces that depend on a codec, the
// sample entry of a track and the head of a fragmented file, which it takes
// from mediacommon.
//
// It owns no file and knows no time. It refuses parameters that a decoder
// could not start from: that is the only error it returns.
package bmff

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4"
)

// HeaderSize is the size of a plain box header in bytes.
const HeaderSize = 8

// stsdHead is what stands before the entries in an stsd box: box header,
// version, flags and the number of entries (ISO/IEC 14496-12, 8.5.2).
const stsdHead = HeaderSize + 8

// Buffer collects boxes in memory. The zero value is ready.
type Buffer struct {
	b    []byte
	open []int
}

// Bytes is what was written so far.
func (w *Buffer) Bytes() []byte { return w.b }

// Len is the number of bytes written so far.
func (w *Buffer) Len() int { return len(w.b) }

// Start opens a box; End closes it and fills in its size.
func (w *Buffer) Start(kind string) {
	w.open = append(w.open, len(w.b))
	w.U32(0)
	w.b = append(w.b, kind[:4]...)
}

// StartFull opens a box with version and flags.
func (w *Buffer) StartFull(kind string, version uint8, flags uint32) {
	w.Start(kind)
	w.U32(uint32(version)<<24 | flags&0xffffff)
}

// End closes the innermost open box.
func (w *Buffer) End() {
	at := w.open[len(w.open)-1]
	w.open = w.open[:len(w.open)-1]
	binary.BigEndian.PutUint32(w.b[at:], uint32(len(w.b)-at))
}

// U16 appends two bytes, big-endian.
func (w *Buffer) U16(v uint16) { w.b = binary.BigEndian.AppendUint16(w.b, v) }

// U32 appends four bytes, big-endian.
func (w *Buffer) U32(v uint32) { w.b = binary.BigEndian.AppendUint32(w.b, v) }

// U64 appends eight bytes, big-endian.
func (w *Buffer) U64(v uint64) { w.b = binary.BigEndian.AppendUint64(w.b, v) }

// Put appends bytes as they are.
func (w *Buffer) Put(p []byte) { w.b = append(w.b, p...) }

// PutU32 overwrites four bytes at an offset that was written before.
func (w *Buffer) PutU32(at int, v uint32) { binary.BigEndian.PutUint32(w.b[at:], v) }

// Init is the head of a fragmented file with one track, track 1: ftyp and
// moov. clock is its ticks per second.
func Init(codec mp4.Codec, clock uint32) ([]byte, error) {
	init := fmp4.Init{Tracks: []*fmp4.InitTrack{{ID: 1, TimeScale: clock, Codec: codec}}}
	var buf seekablebuffer.Buffer
	if err := init.Marshal(&buf); err != nil {
		return nil, fmt.Errorf("write head: %w", err)
	}
	return buf.Bytes(), nil
}

// SampleEntry is the one entry of the stsd box of a track with this codec.
func SampleEntry(codec mp4.Codec) ([]byte, error) {
	init, err := Init(codec, 1)
	if err != nil {
		return nil, err
	}
	stsd := find(init, "moov", "trak", "mdia", "minf", "stbl", "stsd")
	if len(stsd) <= stsdHead {
		return nil, errors.New("write sample entry: there is none")
	}
	return stsd[stsdHead:], nil
}

// find walks down the named boxes and returns the innermost with its header.
func find(b []byte, path ...string) []byte {
	for len(b) >= HeaderSize {
		size := int(binary.BigEndian.Uint32(b))
		if size < HeaderSize || size > len(b) {
			return nil
		}
		if string(b[4:8]) == path[0] {
			if len(path) == 1 {
				return b[:size]
			}
			b, path = b[HeaderSize:size], path[1:]
			continue
		}
		b = b[size:]
	}
	return nil
}
