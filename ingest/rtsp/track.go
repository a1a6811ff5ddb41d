package rtsp

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph265"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/watchpost-edge/watchpost/ingest"
)

// depacketizer is gortsplib's of either codec.
type depacketizer interface {
	Decode(pkt *rtp.Packet) ([][]byte, error)
}

// track is the video of one session. Its packets come one after the other,
// under the reader's mutex: nothing here may wait.
type track struct {
	source  *Source
	client  *gortsplib.Client
	media   *description.Media
	dec     depacketizer
	splits  bool // the depacketizer also ends an access unit when the timestamp changes
	packets atomic.Uint64
	report  atomic.Pointer[report] // the latest; over UDP it comes on another goroutine

	open bool // an access unit was begun, at:
	at   stamp
}

// stamp is when a packet's picture was taken, by the camera.
type stamp struct {
	rtp   uint32
	pts   int64
	known bool // pts is
	ntp   time.Time
}

// report is what a sender report says: the camera's wall clock at an RTP time.
type report struct {
	at  time.Time
	rtp uint32
}

// control takes one RTCP packet. gortsplib's own PacketNTP reads the fraction
// of a second as nanoseconds and is wrong by up to 3.3 s.
func (t *track) control(pkt rtcp.Packet) {
	if sr, ok := pkt.(*rtcp.SenderReport); ok {
		t.report.Store(&report{at: wallClock(sr.NTPTime), rtp: sr.RTPTime})
	}
}

// wallClock reads an NTP timestamp: seconds since 1900 in the upper half,
// their fraction of 2^32 in the lower (RFC 3550, section 4).
func wallClock(ntp uint64) time.Time {
	const since1900 = 2208988800 // seconds until 1970
	return time.Unix(int64(ntp>>32)-since1900, int64((ntp&0xFFFFFFFF)*1e9>>32))
}

// setUp asks what the camera has, chooses its video and prepares to read it.
func (s *Source) setUp(client *gortsplib.Client, u *base.URL) (*track, error) {
	desc, _, err := client.Describe(u)
	if err != nil {
		return nil, fmt.Errorf("describe: %w", err)
	}
	t := &track{source: s, client: client}
	var avc *format.H264
	var hevc *format.H265
	var chosen format.Format
	if t.media = desc.FindFormat(&avc); t.media != nil {
		sps, pps := avc.SafeParams()
		s.learn(s.units.session(ingest.H264, nil, sps, pps))
		t.dec, err = avc.CreateDecoder()
		t.splits, chosen = true, avc
	} else if t.media = desc.FindFormat(&hevc); t.media != nil {
		vps, sps, pps := hevc.SafeParams()
		s.learn(s.units.session(ingest.H265, vps, sps, pps))
		t.dec, err = hevc.CreateDecoder()
		chosen = hevc
	} else {
		return nil, &UnsupportedError{Offered: offered(desc)}
	}
	if err != nil {
		return nil, fmt.Errorf("make depacketizer: %w", err)
	}
	if _, err := client.Setup(desc.BaseURL, t.media, 0, 0); err != nil {
		return nil, fmt.Errorf("set up %s: %w", chosen.Codec(), err)
	}
	client.OnPacketRTP(t.media, chosen, t.packet)
	client.OnPacketRTCP(t.media, t.control)
	return t, nil
}

// learn counts a description with parameter sets that cannot be read; those in
// band may be better.
func (s *Source) learn(err error) {
	if err != nil {
		s.decodeErrors.Add(1)
		s.log.Warn("parameter sets in the description are unusable", "err", err)
	}
}

func offered(desc *description.Session) []string {
	var out []string
	for _, m := range desc.Medias {
		for _, f := range m.Formats {
			out = append(out, f.Codec())
		}
	}
	if len(out) == 0 {
		out = append(out, "nothing")
	}
	return out
}

// packet takes one RTP packet. The depacketizer is always fed, also while the
// time is not known yet, or it would miss the beginning of a fragment.
func (t *track) packet(pkt *rtp.Packet) {
	t.packets.Add(1)
	now := stamp{rtp: pkt.Timestamp}
	now.pts, now.known = t.client.PacketPTS2(t.media, pkt)
	if r := t.report.Load(); r != nil {
		now.ntp = r.at.Add(ticks(int64(int32(pkt.Timestamp - r.rtp))))
	}
	inner := fragment(pkt.Payload, t.splits)
	flushed := t.splits && t.open && t.at.rtp != now.rtp
	au, err := t.dec.Decode(pkt)
	switch {
	case err == nil && flushed:
		t.deliver(au, t.at) // ended by this packet, not part of it
		t.at = now
	case err == nil:
		t.deliver(au, now)
		t.open = false
	case errors.Is(err, rtph264.ErrMorePacketsNeeded) || errors.Is(err, rtph265.ErrMorePacketsNeeded):
		if !inner {
			t.open, t.at = true, now
		}
	case errors.Is(err, rtph264.ErrNonStartingPacketAndNoPrevious) || errors.Is(err, rtph265.ErrNonStartingPacketAndNoPrevious):
		// The beginning was before we came.
	default:
		t.source.decodeErrors.Add(1)
	}
}

// fragment tells whether an H.264 payload is part of a NAL unit that does not
// end in it (RFC 6184, section 5.8): the depacketizer has nothing of it yet.
func fragment(payload []byte, avc bool) bool {
	return avc && len(payload) >= 2 && payload[0]&0x1F == 28 && payload[1]&0x40 == 0
}

func (t *track) deliver(au [][]byte, at stamp) {
	s := t.source
	if !at.known {
		s.drop(errNoParams)
		return
	}
	received := time.Now()
	u, err := s.units.unit(au, at.pts, received, received.Sub(s.epoch), at.ntp)
	if err != nil {
		s.drop(err)
		return
	}
	s.delivered(u)
}
