package camera

import (
	"bytes"
	"errors"
)

// parseMJPEG cuts a file of JPEGs. FF D8 FF cannot stand inside of one: in
// picture data every FF is followed by 00 or a restart marker (ITU-T T.81,
// B.1.1.5), and ffmpeg writes no thumbnails.
func parseMJPEG(raw []byte) (*Footage, error) {
	begins := []byte{0xFF, 0xD8, 0xFF}
	if !bytes.HasPrefix(raw, begins) {
		return nil, errors.New("no JPEG at the beginning")
	}
	f := &Footage{Codec: MJPEG, TimeScale: frameRateDefault}
	for len(raw) > 0 {
		end := len(raw)
		if next := bytes.Index(raw[len(begins):], begins); next >= 0 {
			end = next + len(begins)
		}
		f.Frames = append(f.Frames, Frame{Start: f.Duration, NALUs: [][]byte{raw[:end:end]}, Key: true})
		f.Duration++
		raw = raw[end:]
	}
	return f, nil
}
