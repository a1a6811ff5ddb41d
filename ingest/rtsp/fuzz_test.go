package rtsp

import (
	"encoding/binary"
	"testing"

	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
)

const described = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=control:*\r\n"

const (
	video  = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:trackID=0\r\n"
	sounds = "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 mpeg4-generic/44100/2\r\na=control:trackID=1\r\n" // no configuration
)

func TestOneBadLineDoesNotCostThePictures(t *testing.T) {
	text, o, err := readable([]byte(described + sounds + video + "m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\n"))
	require.NoError(t, err)
	require.NoError(t, parse(string(text)))
	require.Contains(t, string(text), "H264/90000")
	require.NotContains(t, string(text), "mpeg4-generic")
	require.Len(t, o.left, 1)
	require.Contains(t, o.left[0], "audio: ")
	require.False(t, o.feedback)

	for _, line := range []string{"a=rtcp-fb:96 nack pli\r\n", "a=rtcp-fb:* ccm fir\r\n"} {
		_, o, err = readable([]byte(described + video + line))
		require.NoError(t, err)
		require.True(t, o.feedback, line)
	}
	_, o, err = readable([]byte(described + "m=video 0 RTP/AVPF 96\na=rtpmap:96 H264/90000\n"))
	require.NoError(t, err)
	require.True(t, o.feedback)

	for _, bad := range []string{"", "v=0\r\n", described, described + sounds, "\x00\xff"} {
		_, _, err = readable([]byte(bad))
		require.ErrorIs(t, err, errNoMedia, bad)
	}
}

func FuzzDescription(f *testing.F) {
	for _, text := range []string{described + video, described + sounds + video, described + video + "a=rtcp-fb:96 nack pli\r\n", "m=video", "v=0\nm=audio 0 RTP/AVP 0\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		out, _, err := readable(text)
		if err != nil {
			return
		}
		again, o, err := readable(out)
		require.NoError(t, err)
		require.Equal(t, string(out), string(again), "what is readable stays as it is")
		require.Empty(t, o.left)
	})
}

func FuzzPictureSize(f *testing.F) {
	f.Add([]byte{0xFF, 0xD8, 0xFF, 0xC0, 0, 17, 8, 0, 16, 0, 32, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1})
	f.Add([]byte{0xFF, 0xD8, 0xFF, 0xDB, 0, 2, 0xFF, 0xDA, 0, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		width, height, err := jpegSize(b)
		if err == nil {
			require.Positive(t, width)
			require.Positive(t, height)
		}
	})
}

// FuzzPackets feeds a camera's packets, as they come from the network, to each
// kind of track: data is a length, a header byte and a payload, again and again.
func FuzzPackets(f *testing.F) {
	f.Add(byte(0), []byte{4, 0x80, 0x67, 0x64, 0, 0x28, 5, 0x81, 0x65, 0x88, 0x84, 0, 0x33})
	f.Add(byte(1), []byte{5, 0x81, 0x26, 1, 0xAF, 0, 0})
	f.Add(byte(2), []byte{12, 0x81, 0, 0, 0, 0, 1, 60, 2, 2, 1, 2, 3, 4})
	f.Add(byte(3), []byte{6, 0x81, 0, 16, 0, 16, 1, 2})
	f.Add(byte(4), []byte{3, 0x81, 1, 2, 3})
	f.Add(byte(5), []byte{4, 0x81, 3, 1, 2, 3})
	f.Fuzz(func(t *testing.T, kind byte, data []byte) {
		units := 0
		var last *ingest.Unit
		s := New(Config{Camera: "gate", Deliver: func(u *ingest.Unit) {
			units++
			require.NotNil(t, u.Params)
			require.NotEmpty(t, u.NALs)
			require.GreaterOrEqual(t, u.PTS, u.DTS)
			require.True(t, u.Key || last != nil && last.Run == u.Run)
			last = u
		}, Sound: func(u *ingest.Unit) {
			require.Positive(t, u.Samples)
			require.GreaterOrEqual(t, u.PTS, int64(0))
		}})
		packet, control := tracks(t, s, kind)
		var seq uint16
		for len(data) >= 2 {
			n, head := min(int(data[0]), len(data)-2), data[1]
			payload := data[2 : 2+n]
			data = data[2+n:]
			seq += 1 + uint16(head>>5&1)
			at := uint32(seq) * 3600
			if head&0x10 != 0 && len(payload) >= 4 {
				at = binary.BigEndian.Uint32(payload)
				control(&rtcp.SenderReport{NTPTime: uint64(at) << 32, RTPTime: at})
			}
			packet(&rtp.Packet{Header: rtp.Header{Marker: head&1 != 0, SequenceNumber: seq, Timestamp: at}, Payload: payload})
		}
	})
}

// tracks makes a session's track of one kind; sound comes behind a picture.
func tracks(t *testing.T, s *Source, kind byte) (func(*rtp.Packet), func(rtcp.Packet)) {
	t.Helper()
	one := &session{source: s}
	formats := []format.Format{
		&format.H264{PayloadTyp: 96, SPS: sps1080, PPS: pps1, PacketizationMode: 1}, &format.H265{PayloadTyp: 96}, &format.MJPEG{},
		&format.MPEG4Audio{SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3, Config: &mpeg4audio.AudioSpecificConfig{Type: 2, SampleRate: 44100, ChannelCount: 2}},
		&format.G711{PayloadTyp: 8, SampleRate: 8000, ChannelCount: 1},
		&format.MPEG4AudioLATM{StreamMuxConfig: &mpeg4audio.StreamMuxConfig{Programs: []*mpeg4audio.StreamMuxConfigProgram{{Layers: []*mpeg4audio.StreamMuxConfigLayer{{
			AudioSpecificConfig: &mpeg4audio.AudioSpecificConfig{Type: 2, SampleRate: 44100, ChannelCount: 2}, LatmBufferFullness: 255,
		}}}}}},
	}
	chosen := formats[int(kind)%len(formats)]
	if kind := int(kind) % len(formats); kind >= 3 {
		sound, err := one.soundTrack(chosen)
		require.NoError(t, err)
		s.sound.session()
		s.sound.picture(&ingest.Unit{Run: 1, Params: &ingest.Params{}}, wallClock(0))
		return sound.packet, sound.report.control
	}
	v := &track{session: one, report: reports{refused: &s.reportsRefused}}
	_, err := v.choose(&description.Session{Medias: []*description.Media{{Type: description.MediaTypeVideo, Formats: []format.Format{chosen}}}})
	require.NoError(t, err)
	return v.packet, v.report.control
}
