package rtsp

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph265"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpmjpeg"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/watchpost-edge/watchpost/ingest"
)

// askEvery is how often a key picture is asked for at most: a camera that was
// asked makes one with its next picture or the one after.
const askEvery = time.Second

// reportMax is how far a picture may be from the report that dates it: reports
// come about every 5 s (RFC 3550, section 6.2), and one about another RTP time
// says nothing.
const reportMax = time.Minute

// depacketizer is gortsplib's of any codec.
type depacketizer interface {
	Decode(pkt *rtp.Packet) ([][]byte, error)
}

// pictures makes access units of gortsplib's pictures.
type pictures struct{ *rtpmjpeg.Decoder }

func (p pictures) Decode(pkt *rtp.Packet) ([][]byte, error) {
	jpeg, err := p.Decoder.Decode(pkt)
	if err != nil {
		return nil, err
	}
	return [][]byte{jpeg}, nil
}

// track is the video of one session. Its packets come one after the other,
// under the reader's mutex: nothing here may wait.
type track struct {
	*session
	media  *description.Media
	dec    depacketizer
	splits bool // the depacketizer also ends an access unit when the timestamp changes
	report reports
	time   unwrapper
	asked  time.Time // for a key picture
	jumps  uint32    // of timestamps, so far

	open bool // an access unit was begun, at:
	at   stamp
}

// stamp is when a packet's picture was taken, by the camera.
type stamp struct {
	rtp uint32
	pts int64
	ntp time.Time
}

// unwrapper turns RTP timestamps, which wrap, into a time that does not.
type unwrapper struct {
	begun bool
	last  uint32
	at    int64
}

func (w *unwrapper) unwrap(rtp uint32) int64 {
	if !w.begun {
		w.begun, w.last = true, rtp
	}
	w.at += int64(int32(rtp - w.last))
	w.last = rtp
	return w.at
}

// reports keeps the latest sender report; over UDP it comes on another goroutine.
type reports struct {
	latest  atomic.Pointer[report]
	refused *atomic.Uint64
}

// report is what a sender report says: the camera's wall clock at an RTP time.
type report struct {
	at  time.Time
	rtp uint32
}

// control takes one RTCP packet. gortsplib's own PacketNTP reads the fraction
// of a second as nanoseconds and is wrong by up to 3.3 s.
func (r *reports) control(pkt rtcp.Packet) {
	sr, ok := pkt.(*rtcp.SenderReport)
	if !ok || sr.NTPTime == 0 { // a camera without a clock (RFC 3550, section 6.4.1)
		return
	}
	at := wallClock(sr.NTPTime)
	if !sane(at) {
		r.refused.Add(1)
		return
	}
	r.latest.Store(&report{at: at, rtp: sr.RTPTime})
}

// wall is the camera's wall clock at an RTP time, zero when it is not known.
func (r *reports) wall(rtp uint32, rate int) time.Time {
	latest := r.latest.Load()
	if latest == nil {
		return time.Time{}
	}
	since := span(int64(int32(rtp-latest.rtp)), int64(rate))
	if since.Abs() > reportMax {
		return time.Time{}
	}
	return latest.at.Add(since)
}

// wallClock reads an NTP timestamp: seconds since 1900 in the upper half,
// their fraction of 2^32 in the lower (RFC 3550, section 4).
func wallClock(ntp uint64) time.Time {
	const since1900 = 2208988800 // seconds until 1970
	return time.Unix(int64(ntp>>32)-since1900, int64((ntp&0xFFFFFFFF)*1e9>>32))
}

// setUp asks what the camera has, chooses its video and its sound and prepares
// to read them.
func (one *session) setUp(u *base.URL) error {
	s := one.source
	desc, _, err := one.client.Describe(u)
	if err != nil {
		return fmt.Errorf("describe: %w", err)
	}
	t := &track{session: one, report: reports{refused: &s.reportsRefused}, jumps: s.units.jumps}
	chosen, err := t.choose(desc)
	if err != nil {
		return err
	}
	if _, err := one.client.Setup(desc.BaseURL, t.media, 0, 0); err != nil {
		return fmt.Errorf("set up %s: %w", chosen.Codec(), err)
	}
	one.client.OnPacketRTP(t.media, chosen, t.packet)
	one.client.OnPacketRTCP(t.media, t.report.control)
	if s.cfg.Sound != nil {
		one.setUpSound(desc)
	}
	return nil
}

// choose takes the first video that we hold.
func (t *track) choose(desc *description.Session) (format.Format, error) {
	s := t.source
	s.reading.Lock()
	defer s.reading.Unlock()
	for _, media := range desc.Medias {
		if media.IsBackChannel {
			continue
		}
		for _, f := range media.Formats {
			var err error
			switch f := f.(type) {
			case *format.H264:
				sps, pps := f.SafeParams()
				s.learn(s.units.session(ingest.H264, nil, sps, pps))
				t.splits = true
				t.dec, err = f.CreateDecoder()
			case *format.H265:
				vps, sps, pps := f.SafeParams()
				s.learn(s.units.session(ingest.H265, vps, sps, pps))
				t.dec, err = f.CreateDecoder()
			case *format.MJPEG:
				s.learn(s.units.session(ingest.MJPEG, nil, nil, nil))
				var dec *rtpmjpeg.Decoder
				dec, err = f.CreateDecoder()
				t.dec = pictures{dec}
			default:
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("make depacketizer: %w", err)
			}
			t.media = media
			return f, nil
		}
	}
	return nil, &UnsupportedError{Offered: offered(desc)}
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

// packet takes one RTP packet.
func (t *track) packet(pkt *rtp.Packet) {
	t.source.reading.Lock()
	defer t.source.reading.Unlock()
	t.packets.Add(1)
	if t.lost.Swap(false) { // what refers to them is damaged until the next key picture
		t.askKey(time.Now(), pkt.SSRC)
	}
	now := stamp{rtp: pkt.Timestamp, pts: t.time.unwrap(pkt.Timestamp), ntp: t.report.wall(pkt.Timestamp, ingest.ClockRate)}
	inner := fragment(pkt.Payload, t.splits)
	flushed := t.splits && t.open && t.at.rtp != now.rtp
	au, err := t.dec.Decode(pkt)
	switch {
	case err == nil && flushed:
		t.deliver(au, t.at, pkt.SSRC) // ended by this packet, not part of it
		t.at = now
	case err == nil:
		t.deliver(au, now, pkt.SSRC)
		t.open = false
	case incomplete(err):
		if !inner {
			t.open, t.at = true, now
		}
	case headless(err):
		// The beginning was before we came.
	default:
		t.source.decodeErrors.Add(1)
	}
}

func incomplete(err error) bool {
	return errors.Is(err, rtph264.ErrMorePacketsNeeded) || errors.Is(err, rtph265.ErrMorePacketsNeeded) || errors.Is(err, rtpmjpeg.ErrMorePacketsNeeded)
}

func headless(err error) bool {
	return errors.Is(err, rtph264.ErrNonStartingPacketAndNoPrevious) || errors.Is(err, rtph265.ErrNonStartingPacketAndNoPrevious) ||
		errors.Is(err, rtpmjpeg.ErrNonStartingPacketAndNoPrevious)
}

// fragment tells whether an H.264 payload is part of a NAL unit that does not
// end in it (RFC 6184, section 5.8): the depacketizer has nothing of it yet.
func fragment(payload []byte, avc bool) bool {
	return avc && len(payload) >= 2 && payload[0]&0x1F == 28 && payload[1]&0x40 == 0
}

func (t *track) deliver(au [][]byte, at stamp, ssrc uint32) {
	s := t.source
	received := time.Now()
	mono := received.Sub(s.epoch)
	u, err := s.units.unit(au, at.pts, received, mono, at.ntp)
	if err != nil {
		s.drop(err)
		if errors.Is(err, errNoKey) || errors.Is(err, errNoParams) { // those in band come with the key picture
			t.keyless.Store(true)
			t.askKey(received, ssrc)
		}
		return
	}
	t.pictured.Store(int64(mono))
	t.began.Store(true)
	if s.units.jumps != t.jumps {
		t.jumps, at.ntp = s.units.jumps, time.Time{}
		t.report.latest.Store(nil) // it spoke of the RTP time before the jump
	}
	s.sound.picture(u, at.ntp)
	s.delivered(u)
}

// askKey asks the camera for a key picture, if it takes such requests: a wall
// that waits for one waits a GOP otherwise. It is a wish; nothing depends on it.
func (t *track) askKey(now time.Time, ssrc uint32) {
	if !t.offer.feedback || now.Sub(t.asked) < askEvery {
		return
	}
	t.asked = now
	if t.client.WritePacketRTCP(t.media, &rtcp.PictureLossIndication{MediaSSRC: ssrc}) == nil {
		t.source.mu.Lock()
		t.source.stats.KeysAsked++
		t.source.mu.Unlock()
	}
}

func (s *Source) drop(err error) {
	if !errors.Is(err, errNoPicture) && !errors.Is(err, errNoParams) && !errors.Is(err, errNoKey) {
		s.decodeErrors.Add(1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Dropped++
	if s.stats.State != Live {
		s.stats.LastError = err.Error()
	}
}
