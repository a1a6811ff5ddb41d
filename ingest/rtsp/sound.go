package rtsp

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpfragmented"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpmpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/g711"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/pion/rtp"

	"github.com/watchpost-edge/watchpost/ingest"
)

// aacSamples are in one access unit of AAC (ISO/IEC 14496-3, 4.5.1.1).
const aacSamples = 1024

// unpacker turns one packet into stretches of sound.
type unpacker func(*rtp.Packet) ([][]byte, error)

// soundTrack is the sound of one session.
type soundTrack struct {
	*session
	params *ingest.Params
	clock  int // rate of its RTP time
	unpack unpacker
	length func(stretch []byte) int // samples per channel
	report reports
	time   unwrapper
}

// setUpSound prepares to read the first sound that we hold. Pictures go on
// without it.
func (one *session) setUpSound(desc *description.Session) {
	s := one.source
	var offered []string
	for _, media := range desc.Medias {
		if media.Type != description.MediaTypeAudio || media.IsBackChannel {
			continue
		}
		for _, f := range media.Formats {
			t, err := one.soundTrack(f)
			if err != nil {
				offered = append(offered, err.Error())
				continue
			}
			if _, err := one.client.Setup(desc.BaseURL, media, 0, 0); err != nil {
				s.unheard(fmt.Sprintf("camera refuses to send its sound: %v", err))
				return
			}
			s.reading.Lock()
			s.sound.session()
			s.reading.Unlock()
			one.client.OnPacketRTP(media, f, t.packet)
			one.client.OnPacketRTCP(media, t.report.control)
			return
		}
	}
	if len(offered) == 0 {
		s.unheard("camera sends no sound")
		return
	}
	s.unheard("camera's sound is " + strings.Join(offered, ", ") + ": set it to AAC or G.711")
}

// soundTrack is for a format that we hold; the error names one that we do not.
func (one *session) soundTrack(f format.Format) (*soundTrack, error) {
	t := &soundTrack{session: one, report: reports{refused: &one.source.reportsRefused}}
	switch f := f.(type) {
	case *format.MPEG4Audio:
		config, err := f.Config.Marshal()
		if err != nil {
			return nil, fmt.Errorf("%s with an odd configuration: %w", f.Codec(), err)
		}
		dec, err := f.CreateDecoder()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Codec(), err)
		}
		t.aac(f.Config, config)
		t.unpack = dec.Decode
	case *format.MPEG4AudioLATM:
		if f.CPresent || len(f.StreamMuxConfig.Programs) != 1 || len(f.StreamMuxConfig.Programs[0].Layers) != 1 {
			return nil, fmt.Errorf("%s with its configuration in band, or of several layers", f.Codec())
		}
		asc := f.StreamMuxConfig.Programs[0].Layers[0].AudioSpecificConfig
		config, err := asc.Marshal()
		if err != nil {
			return nil, fmt.Errorf("%s with an odd configuration: %w", f.Codec(), err)
		}
		dec, err := f.CreateDecoder()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Codec(), err)
		}
		t.aac(asc, config)
		t.unpack = unpackLATM(dec)
	case *format.G711:
		t.params = &ingest.Params{Codec: ingest.LPCM, SampleRate: f.SampleRate, Channels: f.ChannelCount}
		t.clock = f.SampleRate
		t.unpack = unpackG711(f.MULaw)
		t.length = func(stretch []byte) int { return len(stretch) / (2 * t.params.Channels) }
	default:
		return nil, errors.New(f.Codec())
	}
	if t.params.SampleRate <= 0 || t.params.Channels <= 0 || t.clock <= 0 {
		return nil, fmt.Errorf("%s of %d channels at %d a second", f.Codec(), t.params.Channels, t.params.SampleRate)
	}
	return t, nil
}

// aac fills in what a configuration says. With spectral band replication RTP
// time counts the samples that come out (RFC 3640, section 4.1).
func (t *soundTrack) aac(c *mpeg4audio.AudioSpecificConfig, config []byte) {
	t.params = &ingest.Params{Codec: ingest.AAC, Config: config, SampleRate: c.SampleRate, Channels: c.ChannelCount}
	t.clock = max(c.SampleRate, c.ExtensionSampleRate)
	t.length = func([]byte) int { return aacSamples }
}

// unpackLATM takes access units out of audio mux elements (ISO/IEC 14496-3,
// 1.7.3) of one program and one layer whose configuration stands in the
// description: each unit behind its length, which is counted as SEI sizes are.
// mediacommon's own reading stumbles over the configuration that GStreamer
// writes.
func unpackLATM(dec *rtpfragmented.Decoder) unpacker {
	return func(pkt *rtp.Packet) ([][]byte, error) {
		b, err := dec.Decode(pkt)
		if err != nil {
			return nil, err
		}
		var units [][]byte
		for len(b) > 0 {
			var n int
			if n, b = varying(b); n == 0 || n > len(b) {
				return nil, errors.New("audio mux element that is cut off")
			}
			units, b = append(units, b[:n]), b[n:]
		}
		return units, nil
	}
}

// unpackG711 decodes: recordings hold what every player can play.
func unpackG711(mulaw bool) unpacker {
	return func(pkt *rtp.Packet) ([][]byte, error) {
		if len(pkt.Payload) == 0 {
			return nil, errors.New("packet without sound")
		}
		if mulaw {
			var pcm g711.Mulaw
			pcm.Unmarshal(pkt.Payload)
			return [][]byte{pcm}, nil
		}
		var pcm g711.Alaw
		pcm.Unmarshal(pkt.Payload)
		return [][]byte{pcm}, nil
	}
}

// packet takes one RTP packet.
func (t *soundTrack) packet(pkt *rtp.Packet) {
	s := t.source
	s.reading.Lock()
	defer s.reading.Unlock()
	at, ntp := t.time.unwrap(pkt.Timestamp), t.report.wall(pkt.Timestamp, t.clock)
	stretches, err := t.unpack(pkt)
	if errors.Is(err, rtpmpeg4audio.ErrMorePacketsNeeded) || errors.Is(err, rtpfragmented.ErrMorePacketsNeeded) {
		return
	}
	if err != nil {
		s.decodeErrors.Add(1)
		s.unheard("")
		return
	}
	received := time.Now()
	for _, stretch := range stretches {
		u := &ingest.Unit{
			Camera: s.cfg.Camera, Params: t.params, NALs: [][]byte{stretch}, Samples: t.length(stretch),
			Bytes: len(stretch), Received: received,
		}
		if u.Samples == 0 || !s.sound.place(u, at, t.clock, received.Sub(s.epoch), ntp) {
			s.unheard("")
			continue
		}
		s.heard(u)
		at += rescale(int64(u.Samples), int64(t.params.SampleRate), int64(t.clock))
		if !ntp.IsZero() {
			ntp = ntp.Add(span(int64(u.Samples), int64(t.params.SampleRate)))
		}
	}
}
