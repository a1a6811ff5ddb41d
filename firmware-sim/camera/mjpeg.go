package camera

import (
	"bytes"
	"errors"
	"fmt"
	"image/jpeg"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
)

// parseMJPEG cuts a file of JPEGs. FF D8 FF cannot stand inside of one: in
// picture data every FF is followed by 00 or a restart marker (ITU-T T.81,
// B.1.1.5), and ffmpeg writes no thumbnails.
func parseMJPEG(raw []byte) (*Footage, error) {
	begins := []byte{0xFF, 0xD8, 0xFF}
	if !bytes.HasPrefix(raw, begins) {
		return nil, errors.New("no JPEG at the beginning")
	}
	size, err := jpeg.DecodeConfig(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	if size.Width%8 != 0 || size.Height%8 != 0 || size.Width > 2040 || size.Height > 2040 {
		return nil, fmt.Errorf("picture of %d×%d: RTP carries multiples of 8 up to 2040 (RFC 2435, section 3.1)", size.Width, size.Height)
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
	pack, err := newPacker(&format.MJPEG{})
	if err == nil {
		_, err = pack(f.Frames[0].NALUs)
	}
	return f, err
}
