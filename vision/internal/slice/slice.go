// Package slice reads the beginning of compressed pictures: what kind of
// picture it is, how coarsely it is quantised, whether others refer to it, and
// how many bytes its slices have. Nothing is decoded.
//
// It owns the headers of H.264 (ISO/IEC 14496-10, 7.3.3) and H.265 (ISO/IEC
// 23008-2, 7.3.6) slices as far as the quantiser. It refuses nothing: what it
// cannot read is unknown, and the bytes are counted all the same.
package slice

import (
	"github.com/watchpost-edge/watchpost/ingest"
)

// Type is the kind of a picture: that of its most general slice.
type Type byte

// Types.
const (
	Unknown Type = iota
	I            // refers to no other picture
	P
	B
)

// Picture is what is known about one compressed picture without decoding it.
type Picture struct {
	Type       Type
	QP         int  // quantiser of the first slice that says, 0..51; -1 unknown
	Bytes      int  // of its slices: no parameter sets, no SEI, no filler
	Disposable bool // no other picture refers to it
	Layer      int  // temporal layer, 0 the lowest (H.265; H.264 does not say)
}

// Reader reads the pictures of one stream. It is used by one goroutine.
type Reader struct {
	params *ingest.Params
	avc    avcSets
	hevc   hevcSets
	known  bool // the parameter sets could be read
}

// Read reads one access unit.
func (r *Reader) Read(u *ingest.Unit) Picture {
	p := Picture{QP: -1}
	if u.Params == nil {
		return p
	}
	if u.Params != r.params {
		r.adopt(u.Params)
	}
	switch u.Params.Codec {
	case ingest.H264:
		r.readAVC(u.NALs, &p)
	case ingest.H265:
		r.readHEVC(u.NALs, &p)
	default:
		p.Type, p.Bytes = I, u.Bytes
	}
	return p
}

func (r *Reader) adopt(p *ingest.Params) {
	*r = Reader{params: p}
	switch p.Codec {
	case ingest.H264:
		r.known = r.avc.read(p.SPS, p.PPS)
	case ingest.H265:
		r.known = r.hevc.read(p.SPS, p.PPS)
	}
}

// note adds one slice of size bytes to the picture.
func (p *Picture) note(size int, t Type, qp int) {
	p.Bytes += size
	p.Type = max(p.Type, t)
	if p.QP < 0 && qp >= 0 && qp <= 51 {
		p.QP = qp
	}
}
