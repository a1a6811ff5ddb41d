package slice

import (
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// avcSets is what slice headers need of the parameter sets.
type avcSets struct {
	sps h264.SPS
	pps struct {
		cabac, bottomPOC, redundant, weighted bool
		bipred                                int
		refs                                  [2]int
		qp                                    int
		groups                                bool
	}
}

// NAL unit types (H.264, table 7-1).
const (
	avcSlice  = 1
	avcPartA  = 2
	avcIDR    = 5
	avcB      = 1 // slice_type modulo 5 (table 7-6)
	avcI      = 2
	avcSP     = 3
	avcSI     = 4
	avcModEnd = 3
)

func (s *avcSets) read(sps, pps []byte) bool {
	if s.sps.Unmarshal(sps) != nil || len(pps) < 2 {
		return false
	}
	b := payload(pps, 1)
	b.ue() // pic_parameter_set_id
	b.ue() // seq_parameter_set_id
	p := &s.pps
	p.cabac, p.bottomPOC = b.flag(), b.flag()
	if p.groups = b.ue() > 0; p.groups {
		return false // slice groups: no camera has them
	}
	p.refs[0], p.refs[1] = b.ue()+1, b.ue()+1
	p.weighted, p.bipred = b.flag(), b.u(2)
	p.qp = 26 + b.se()
	b.se() // pic_init_qs
	b.se() // chroma_qp_index_offset
	b.u(2) // deblocking_filter_control_present, constrained_intra_pred
	p.redundant = b.flag()
	return !b.bad
}

func (r *Reader) readAVC(nals [][]byte, p *Picture) {
	p.Disposable = len(nals) > 0
	for _, n := range nals {
		if len(n) == 0 {
			continue
		}
		kind := n[0] & 0x1f
		if kind < avcSlice || kind > avcIDR {
			continue
		}
		if n[0]&0x60 != 0 { // nal_ref_idc
			p.Disposable = false
		}
		t, qp := Unknown, -1
		if kind == avcSlice || kind == avcPartA || kind == avcIDR {
			t, qp = r.headAVC(n)
		}
		p.note(len(n), t, qp)
	}
	p.Disposable = p.Disposable && p.Bytes > 0
}

// headAVC reads a slice header as far as the quantiser.
func (r *Reader) headAVC(n []byte) (Type, int) {
	b := payload(n, 1)
	b.ue() // first_mb_in_slice
	kind := b.ue() % 5
	t := P
	switch kind {
	case avcI, avcSI:
		t = I
	case avcB:
		t = B
	}
	if b.bad {
		return Unknown, -1
	}
	if !r.known || kind == avcSP || kind == avcSI {
		return t, -1
	}
	r.avc.skipPlace(&b, n[0]&0x1f == avcIDR)
	r.avc.skipRefs(&b, kind)
	if n[0]&0x60 != 0 {
		skipMarking(&b, n[0]&0x1f == avcIDR)
	}
	if r.avc.pps.cabac && kind != avcI {
		b.ue() // cabac_init_idc
	}
	qp := r.avc.pps.qp + b.se()
	if b.bad || qp < 0 {
		return t, -1
	}
	return t, qp
}

// skipPlace passes over the picture's number, field and order.
func (s *avcSets) skipPlace(b *bits, idr bool) {
	b.ue() // pic_parameter_set_id
	if s.sps.SeparateColourPlaneFlag {
		b.u(2)
	}
	b.u(int(s.sps.Log2MaxFrameNumMinus4) + 4)
	field := !s.sps.FrameMbsOnlyFlag && b.flag()
	if field {
		b.flag()
	}
	if idr {
		b.ue() // idr_pic_id
	}
	switch {
	case s.sps.PicOrderCntType == 0:
		b.u(int(s.sps.Log2MaxPicOrderCntLsbMinus4) + 4)
		if s.pps.bottomPOC && !field {
			b.se()
		}
	case s.sps.PicOrderCntType == 1 && !s.sps.DeltaPicOrderAlwaysZeroFlag:
		b.se()
		if s.pps.bottomPOC && !field {
			b.se()
		}
	}
	if s.pps.redundant {
		b.ue()
	}
}

// skipRefs passes over which pictures it refers to, and with what weights.
func (s *avcSets) skipRefs(b *bits, kind int) {
	if kind == avcB {
		b.flag() // direct_spatial_mv_pred
	}
	if kind == avcI {
		return
	}
	lists := 1
	if kind == avcB {
		lists = 2
	}
	refs := s.pps.refs
	if b.flag() { // num_ref_idx_active_override
		for i := range lists {
			refs[i] = b.ue() + 1
		}
	}
	for range lists {
		if !b.flag() { // ref_pic_list_modification
			continue
		}
		for !b.bad && b.ue() != avcModEnd {
			b.ue()
		}
	}
	if s.pps.weighted && kind != avcB || s.pps.bipred == 1 && kind == avcB {
		chroma := s.sps.ChromaFormatIdc != 0 && !s.sps.SeparateColourPlaneFlag
		skipWeights(b, refs[:lists], chroma)
	}
}

func skipWeights(b *bits, refs []int, chroma bool) {
	b.ue()
	if chroma {
		b.ue()
	}
	for _, n := range refs {
		for i := 0; i < n && !b.bad; i++ {
			if b.flag() {
				b.se()
				b.se()
			}
			if chroma && b.flag() {
				for range 4 {
					b.se()
				}
			}
		}
	}
}

// skipMarking passes over dec_ref_pic_marking.
func skipMarking(b *bits, idr bool) {
	if idr {
		b.u(2)
		return
	}
	if !b.flag() {
		return
	}
	for !b.bad {
		op := b.ue()
		switch op {
		case 0:
			return
		case 3:
			b.ue()
			b.ue()
		case 5:
		default:
			b.ue()
		}
	}
}
