package rtsp

import (
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/jpeg"

	"github.com/watchpost-edge/watchpost/ingest"
)

// Markers of a JPEG file (ITU-T T.81, table B.1).
const (
	jpegSOI  = 0xD8
	jpegSOF0 = 0xC0
	jpegSOF2 = 0xC2
	jpegSOS  = 0xDA
)

// sortJPEG takes one picture: each is whole, and a key.
func (a *assembler) sortJPEG(au [][]byte) (nals [][]byte, key bool, err error) {
	if len(au) != 1 || len(au[0]) == 0 {
		return nil, false, errNoPicture
	}
	width, height, err := jpegSize(au[0])
	if err != nil {
		return nil, false, fmt.Errorf("read picture: %w", err)
	}
	if a.learned == nil || a.learned.Width != width || a.learned.Height != height {
		a.learned = &ingest.Params{Codec: ingest.MJPEG, Width: width, Height: height}
	}
	return au, true, nil
}

// jpegSize reads a picture's size from its frame header (ITU-T T.81, B.2.2).
func jpegSize(b []byte) (width, height int, err error) {
	if len(b) < 4 || b[0] != 0xFF || b[1] != jpegSOI {
		return 0, 0, errors.New("no JPEG")
	}
	for b = b[2:]; len(b) >= 4 && b[0] == 0xFF; {
		marker, size := b[1], int(b[2])<<8|int(b[3])
		if size < 2 || len(b) < 2+size {
			break
		}
		switch {
		case marker >= jpegSOF0 && marker <= jpegSOF2:
			var frame jpeg.StartOfFrame1
			if err := frame.Unmarshal(b[4 : 2+size]); err != nil {
				return 0, 0, err
			}
			if frame.Width == 0 || frame.Height == 0 {
				return 0, 0, fmt.Errorf("picture of %d×%d", frame.Width, frame.Height)
			}
			return frame.Width, frame.Height, nil
		case marker == jpegSOS:
			return 0, 0, errors.New("no frame header before the picture")
		}
		b = b[2+size:]
	}
	return 0, 0, errors.New("no frame header")
}
