package whep

import (
	"math/rand/v2"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"github.com/watchpost-edge/watchpost/ingest"
)

// payloadMaxBytes keeps a packet with all headers (IPv6, UDP, SRTP, RTP) below
// the smallest MTU in use on a LAN or VPN.
const payloadMaxBytes = 1180

// H.264 NAL unit types (ITU-T H.264, table 7-1).
const (
	nalSPS = 7
	nalPPS = 8
)

// packer turns units into RTP packets: parameter sets in front of each key
// unit, sequence numbers without holes, timestamps that always rise.
type packer struct {
	payloader codecs.H264Payloader
	sequence  uint16
	clock     clock
}

func newPacker() *packer {
	// Parameter sets go out as they are: aggregation would keep one PPS only.
	return &packer{
		payloader: codecs.H264Payloader{DisableStapA: true},
		sequence:  uint16(rand.Uint32()),
		clock:     clock{last: rand.Uint32()},
	}
}

// unit packs one unit at a timestamp.
func (p *packer) unit(u *ingest.Unit, stamp uint32) []*rtp.Packet {
	var packets []*rtp.Packet
	for _, nal := range withParams(u) {
		for _, payload := range p.payloader.Payload(payloadMaxBytes, nal) {
			packets = append(packets, &rtp.Packet{
				Header:  rtp.Header{Version: 2, SequenceNumber: p.sequence, Timestamp: stamp},
				Payload: payload,
			})
			p.sequence++
		}
	}
	if n := len(packets); n > 0 {
		packets[n-1].Marker = true
	}
	return packets
}

// withParams is the unit's NAL units, with the parameter sets in front of a
// key unit that does not carry them.
func withParams(u *ingest.Unit) [][]byte {
	if !u.Key || u.Params == nil {
		return u.NALs
	}
	var sps, pps bool
	for _, nal := range u.NALs {
		if len(nal) > 0 {
			sps = sps || nal[0]&0x1f == nalSPS
			pps = pps || nal[0]&0x1f == nalPPS
		}
	}
	if sps && pps {
		return u.NALs
	}
	return append([][]byte{u.Params.SPS, u.Params.PPS}, u.NALs...)
}

// clock maps PTS to RTP timestamps. Within a run they advance with PTS; from
// run to run by the time that passed on the box.
type clock struct {
	started  bool
	run      uint32
	base     uint32 // timestamp at pts
	pts      int64
	last     uint32
	received time.Time // of the last unit
}

// live stamps a unit that comes at its own time.
func (c *clock) live(u *ingest.Unit) uint32 {
	stamp := c.last + c.elapsed(u)
	if c.started && u.Run == c.run {
		stamp = c.base + uint32(u.PTS-c.pts)
	}
	if int32(stamp-c.last) <= 0 && c.started {
		stamp = c.last + 1
	}
	c.anchor(u, stamp)
	return stamp
}

// burst stamps units that are all sent at once: close together, the last one
// at its own time, so that the viewer shows it now and not as late as the
// first is old.
func (c *clock) burst(units []*ingest.Unit) []uint32 {
	const apart = ingest.ClockRate / 1000
	newest := units[len(units)-1]
	end := c.last + c.elapsed(newest)
	step := uint32(apart)
	if c.started {
		step = max(1, min(step, (end-c.last)/uint32(len(units))))
		if int32(end-c.last) < int32(len(units)) {
			end = c.last + uint32(len(units))
		}
	}
	stamps := make([]uint32, len(units))
	for i := range units {
		stamps[i] = end - step*uint32(len(units)-1-i)
	}
	c.anchor(newest, end)
	return stamps
}

// elapsed is the time since the last unit in ticks, at least one picture.
func (c *clock) elapsed(u *ingest.Unit) uint32 {
	const picture = ingest.ClockRate / 30
	if !c.started {
		return picture
	}
	ticks := u.Received.Sub(c.received).Milliseconds() * (ingest.ClockRate / 1000)
	return uint32(max(picture, ticks))
}

func (c *clock) anchor(u *ingest.Unit, stamp uint32) {
	c.started, c.run, c.base, c.pts, c.last, c.received = true, u.Run, stamp, u.PTS, stamp, u.Received
}
