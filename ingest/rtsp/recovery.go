package rtsp

import "github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

// recoveryPointSEI is a payload type (ITU-T H.264, D.1.1).
const recoveryPointSEI = 6

// recoveryPoint tells whether a NAL unit is supplemental information that says
// that decoding can start with its picture: a recovery point whose
// recovery_frame_cnt, ue(v), is 0 (ITU-T H.264, D.1.8), the single bit 1.
// Gradual refresh, where it is more, begins with broken pictures.
func recoveryPoint(nal []byte) bool {
	if len(nal) < 3 || h264.NALUType(nal[0]&0x1F) != h264.NALUTypeSEI {
		return false
	}
	for b := h264.EmulationPreventionRemove(nal[1:]); len(b) >= 2; {
		var kind, size int
		if kind, b = varying(b); len(b) == 0 {
			return false
		}
		if size, b = varying(b); size > len(b) {
			return false
		}
		if kind == recoveryPointSEI && size > 0 {
			return b[0]&0x80 != 0
		}
		b = b[size:]
	}
	return false
}

// varying reads a number of which every byte 255 is a part and the first other
// one the last (ITU-T H.264, 7.3.2.3.1).
func varying(b []byte) (n int, rest []byte) {
	for i, v := range b {
		n += int(v)
		if v != 0xFF {
			return n, b[i+1:]
		}
	}
	return n, nil
}
