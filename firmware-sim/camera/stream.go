package camera

import (
	"fmt"
	"strings"

	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/pion/rtp"
)

// videoType and soundType are the dynamic payload types.
const (
	videoType = 96
	soundType = 97
)

// packer makes the packets of one access unit.
type packer func(au [][]byte) ([]*rtp.Packet, error)

// description is what the camera offers: pictures first.
func (c *Camera) description(inBand bool) *description.Session {
	f := c.conf.Footage
	var video format.Format
	switch f.Codec {
	case MJPEG:
		video = &format.MJPEG{}
	case H265:
		hevc := &format.H265{PayloadTyp: videoType}
		if !inBand {
			hevc.VPS, hevc.SPS, hevc.PPS = f.VPS, f.SPS, f.PPS
		}
		video = hevc
	default:
		avc := &format.H264{PayloadTyp: videoType, PacketizationMode: 1}
		if !inBand {
			avc.SPS, avc.PPS = f.SPS, f.PPS
		}
		video = avc
	}
	d := &description.Session{Medias: []*description.Media{{
		Type: description.MediaTypeVideo, Control: "trackID=0", Formats: []format.Format{video},
	}}}
	if s := c.conf.Sound; s != nil {
		d.Medias = append(d.Medias, &description.Media{
			Type: description.MediaTypeAudio, Control: "trackID=1", Formats: []format.Format{s.format},
		})
	}
	return d
}

// describe is the answer to DESCRIBE.
func (c *Camera) describe(inBand bool) ([]byte, error) {
	text, err := c.description(inBand).Marshal(false)
	if err != nil {
		return nil, fmt.Errorf("describe camera %s: %w", c.conf.ID, err)
	}
	if !c.conf.Requests || c.conf.Footage.Codec == MJPEG {
		return text, nil
	}
	// The library knows no feedback; the line belongs to the first medium.
	mark := fmt.Sprintf("a=rtpmap:%d ", videoType)
	feedback := fmt.Sprintf("a=rtcp-fb:%d nack pli\r\n", videoType)
	return []byte(strings.Replace(string(text), mark, feedback+mark, 1)), nil
}

func newPacker(f format.Format) (packer, error) {
	switch f := f.(type) {
	case *format.MJPEG:
		e, err := f.CreateEncoder()
		if err != nil {
			return nil, err
		}
		return func(au [][]byte) ([]*rtp.Packet, error) { return e.Encode(au[0]) }, nil
	case *format.H265:
		e, err := f.CreateEncoder()
		if err != nil {
			return nil, err
		}
		return e.Encode, nil
	case *format.H264:
		e, err := f.CreateEncoder()
		if err != nil {
			return nil, err
		}
		return e.Encode, nil
	case *format.MPEG4Audio:
		e, err := f.CreateEncoder()
		if err != nil {
			return nil, err
		}
		return e.Encode, nil
	case *format.G711:
		e, err := f.CreateEncoder()
		if err != nil {
			return nil, err
		}
		return func(au [][]byte) ([]*rtp.Packet, error) { return e.Encode(au[0]) }, nil
	}
	return nil, fmt.Errorf("make packets of %s: not a format that cameras here send", f.Codec())
}
