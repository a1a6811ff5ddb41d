package media

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4"

	"github.com/watchpost-edge/watchpost/appliance/internal/media/bmff"
	"github.com/watchpost-edge/watchpost/ingest"
)

// SampleEntry is the entry of an MP4 file's stsd box for these parameters.
func SampleEntry(p *ingest.Params) ([]byte, error) {
	if p.Codec.Audio() {
		return soundEntry(p)
	}
	codec, err := codecOf(p)
	if err != nil {
		return nil, err
	}
	return bmff.SampleEntry(codec)
}

func codecOf(p *ingest.Params) (mp4.Codec, error) {
	switch p.Codec {
	case ingest.H264:
		if len(p.SPS) < 4 || len(p.PPS) == 0 {
			return nil, fmt.Errorf("write head for %s: no parameter sets", p.Codec)
		}
		return &mp4.CodecH264{SPS: p.SPS, PPS: p.PPS}, nil
	case ingest.H265:
		if len(p.VPS) == 0 || len(p.SPS) == 0 || len(p.PPS) == 0 {
			return nil, fmt.Errorf("write head for %s: no parameter sets", p.Codec)
		}
		return &mp4.CodecH265{VPS: p.VPS, SPS: p.SPS, PPS: p.PPS}, nil
	case ingest.MJPEG:
		if p.Width <= 0 || p.Height <= 0 {
			return nil, fmt.Errorf("write head for %s: no size", p.Codec)
		}
		return &mp4.CodecMJPEG{Width: p.Width, Height: p.Height}, nil
	default:
		return nil, fmt.Errorf("write head for %q: unknown codec", p.Codec)
	}
}
