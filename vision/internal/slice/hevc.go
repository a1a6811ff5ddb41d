package slice

import (
	mathbits "math/bits"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

// hevcSets is what slice headers need of the parameter sets.
type hevcSets struct {
	sps      h265.SPS
	addrBits int
	pps      struct {
		dependent, output, cabacInit, lists, weighted, biweighted bool
		extra                                                     int
		refs                                                      [2]int
		qp                                                        int
	}
}

// NAL unit types (H.265, table 7-1) and slice types (table 7-7).
const (
	hevcPicturesEnd = 31 // above are no pictures
	hevcSubLayerMax = 14 // even types up to here: nothing in their layer refers to them
	hevcIRAPFirst   = 16
	hevcIRAPLast    = 23
	hevcIDRFirst    = 19
	hevcIDRLast     = 20

	hevcB = 0
	hevcI = 2
)

func (s *hevcSets) read(sps, pps []byte) bool {
	if s.sps.Unmarshal(sps) != nil || len(pps) < 3 {
		return false
	}
	ctb := 1 << (s.sps.Log2MinLumaCodingBlockSizeMinus3 + 3 + s.sps.Log2DiffMaxMinLumaCodingBlockSize)
	if ctb < 8 || ctb > 64 {
		return false
	}
	blocks := (int(s.sps.PicWidthInLumaSamples) + ctb - 1) / ctb * ((int(s.sps.PicHeightInLumaSamples) + ctb - 1) / ctb)
	s.addrBits = mathbits.Len(uint(max(0, blocks-1)))
	b := payload(pps, 2)
	p := &s.pps
	b.ue() // pps_pic_parameter_set_id
	b.ue() // pps_seq_parameter_set_id
	p.dependent, p.output, p.extra = b.flag(), b.flag(), b.u(3)
	b.flag() // sign_data_hiding
	p.cabacInit = b.flag()
	p.refs[0], p.refs[1] = b.ue()+1, b.ue()+1
	p.qp = 26 + b.se()
	b.u(2)        // constrained_intra_pred, transform_skip
	if b.flag() { // cu_qp_delta_enabled
		b.ue()
	}
	b.se() // cb_qp_offset
	b.se() // cr_qp_offset
	b.flag()
	p.weighted, p.biweighted = b.flag(), b.flag()
	b.flag() // transquant_bypass
	tiles, _ := b.flag(), b.flag()
	if tiles || b.bad {
		return false // lists_modification_present stands behind the tiles: not worth it
	}
	b.flag()      // loop_filter_across_slices
	if b.flag() { // deblocking_filter_control_present
		b.flag()
		if !b.flag() {
			b.se()
			b.se()
		}
	}
	if b.flag() { // scaling_list_data
		return false
	}
	p.lists = b.flag()
	return !b.bad
}

func (r *Reader) readHEVC(nals [][]byte, p *Picture) {
	for _, n := range nals {
		if len(n) < 3 {
			continue
		}
		kind := int(n[0] >> 1 & 0x3f)
		if kind > hevcPicturesEnd {
			continue
		}
		p.Layer = max(0, int(n[1]&7)-1)
		p.Disposable = kind <= hevcSubLayerMax && kind%2 == 0
		t, qp := r.headHEVC(n, kind)
		p.note(len(n), t, qp)
	}
}

// headHEVC reads a slice segment header as far as the quantiser.
func (r *Reader) headHEVC(n []byte, kind int) (Type, int) {
	s := &r.hevc
	irap := kind >= hevcIRAPFirst && kind <= hevcIRAPLast
	t := Unknown
	if irap {
		t = I
	}
	if !r.known {
		return t, -1
	}
	b := payload(n, 2)
	first := b.flag()
	if irap {
		b.flag()
	}
	b.ue() // slice_pic_parameter_set_id
	if !first {
		if s.pps.dependent && b.flag() {
			return t, -1 // a dependent segment has no header of its own
		}
		b.u(s.addrBits)
	}
	b.u(s.pps.extra)
	slice := b.ue()
	switch {
	case b.bad || slice > hevcI:
		return t, -1
	case slice == hevcI:
		t = I
	case slice == hevcB:
		t = B
	default:
		t = P
	}
	if s.pps.output {
		b.flag()
	}
	if s.sps.SeparateColourPlaneFlag {
		b.u(2)
	}
	temporal, total := false, 0
	if kind < hevcIDRFirst || kind > hevcIDRLast {
		var ok bool
		if temporal, total, ok = s.skipRefSet(&b); !ok {
			return t, -1
		}
	}
	if s.sps.SampleAdaptiveOffsetEnabledFlag {
		b.flag()
		if s.sps.ChromaFormatIdc != 0 && !s.sps.SeparateColourPlaneFlag {
			b.flag()
		}
	}
	if t != I && !s.skipRefs(&b, t, temporal, total) {
		return t, -1
	}
	qp := s.pps.qp + b.se()
	if b.bad || qp < 0 {
		return t, -1
	}
	return t, qp
}

// skipRefSet passes over the picture's order and its reference picture set. It
// tells whether motion is predicted from another picture, and how many
// pictures are referred to. Sets that are written in terms of others, and long
// term references, are not read.
func (s *hevcSets) skipRefSet(b *bits) (temporal bool, total int, ok bool) {
	b.u(int(s.sps.Log2MaxPicOrderCntLsbMinus4) + 4)
	sets := s.sps.ShortTermRefPicSets
	if b.flag() {
		i := 0
		if len(sets) > 1 {
			i = b.u(mathbits.Len(uint(len(sets) - 1)))
		}
		if i >= len(sets) || sets[i].InterRefPicSetPredictionFlag {
			return false, 0, false
		}
		for _, used := range [][]bool{sets[i].UsedByCurrPicS0Flag, sets[i].UsedByCurrPicS1Flag} {
			for _, u := range used {
				if u {
					total++
				}
			}
		}
	} else {
		if len(sets) > 0 && b.flag() {
			return false, 0, false
		}
		n := b.ue() + b.ue()
		for i := 0; i < n && !b.bad; i++ {
			b.ue()
			if b.flag() {
				total++
			}
		}
	}
	if s.sps.LongTermRefPicsPresentFlag {
		return false, 0, false
	}
	return s.sps.TemporalMvpEnabledFlag && b.flag(), total, !b.bad
}

// skipRefs passes over what stands in P and B slices before the quantiser.
func (s *hevcSets) skipRefs(b *bits, t Type, temporal bool, total int) bool {
	lists := 1
	if t == B {
		lists = 2
	}
	refs := s.pps.refs
	if b.flag() { // num_ref_idx_active_override
		for i := range lists {
			refs[i] = b.ue() + 1
		}
	}
	if s.pps.lists && total > 1 {
		return false
	}
	if t == B {
		b.flag() // mvd_l1_zero
	}
	if s.pps.cabacInit {
		b.flag()
	}
	if temporal {
		fromL0 := t != B || b.flag()
		if fromL0 && refs[0] > 1 || !fromL0 && refs[1] > 1 {
			b.ue()
		}
	}
	if s.pps.weighted && t == P || s.pps.biweighted && t == B {
		skipHEVCWeights(b, refs[:lists], s.sps.ChromaFormatIdc != 0 && !s.sps.SeparateColourPlaneFlag)
	}
	b.ue() // five_minus_max_num_merge_cand
	return true
}

// skipHEVCWeights passes over pred_weight_table (7.3.6.3): unlike in H.264 all
// flags of a list stand before its weights.
func skipHEVCWeights(b *bits, refs []int, chroma bool) {
	b.ue()
	if chroma {
		b.se()
	}
	for _, n := range refs {
		values := 0
		for i := 0; i < n && !b.bad; i++ {
			if b.flag() {
				values += 2
			}
		}
		for i := 0; chroma && i < n && !b.bad; i++ {
			if b.flag() {
				values += 4
			}
		}
		for range values {
			b.se()
		}
	}
}
