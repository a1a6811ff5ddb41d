package picture

import (
	"bytes"
	"encoding/binary"
)

// Markers of JPEG (ITU-T T.81, table B.1).
const (
	markerSOF2     = 0xc2 // progressive
	markerRestart0 = 0xd0
	markerRestart7 = 0xd7
	markerEnd      = 0xd9
	markerScan     = 0xda
	markerAPP1     = 0xe1
)

// toldByJPEG walks over a JPEG as image/jpeg does: marker by marker, over
// whatever stands between two of them.
func toldByJPEG(raw []byte) (t told) {
	for at := 2; at+4 <= len(raw); {
		marker := raw[at+1]
		if raw[at] != 0xff || marker == 0 || marker == 0xff || marker >= markerRestart0 && marker <= markerRestart7 {
			at++
			continue
		}
		if marker == markerEnd {
			return t
		}
		length := int(binary.BigEndian.Uint16(raw[at+2:]))
		if length < 2 || at+2+length > len(raw) {
			return t // image/jpeg ends here too
		}
		body := raw[at+4 : at+2+length]
		switch marker {
		case markerSOF2:
			t.progressive = true
		case markerScan:
			t.scans++
		case markerAPP1:
			if tiff, is := bytes.CutPrefix(body, []byte("Exif\x00\x00")); is && t.exif == nil {
				t.exif = tiff
			}
		}
		at += 2 + length
	}
	return t
}

// toldByPNG finds the chunk eXIf (PNG, third edition, 11.3.4.6).
func toldByPNG(raw []byte) (t told) {
	const head, check = 8, 4
	for at := 8; at+head <= len(raw); {
		length := uint64(binary.BigEndian.Uint32(raw[at:]))
		if uint64(at)+head+length+check > uint64(len(raw)) {
			return t
		}
		if string(raw[at+4:at+head]) == "eXIf" {
			t.exif = raw[at+head : at+head+int(length)]
			return t
		}
		at += head + int(length) + check
	}
	return t
}

// orientation reads tag 0x0112 out of the first directory of a TIFF (TIFF 6.0,
// section 2); 0: it is not told.
func orientation(tiff []byte) int {
	const head, entry, tag, short = 8, 12, 0x0112, 3
	if len(tiff) < head {
		return 0
	}
	var order binary.ByteOrder = binary.BigEndian
	switch string(tiff[:2]) {
	case "II":
		order = binary.LittleEndian
	case "MM":
	default:
		return 0
	}
	first := uint64(order.Uint32(tiff[4:]))
	if first+2 > uint64(len(tiff)) {
		return 0
	}
	list := tiff[first:]
	for i := range int(order.Uint16(list)) {
		at := 2 + i*entry
		if at+entry > len(list) {
			return 0
		}
		if one := list[at:]; order.Uint16(one) == tag && order.Uint16(one[2:]) == short {
			return int(order.Uint16(one[8:]))
		}
	}
	return 0
}
