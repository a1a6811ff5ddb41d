package camera

import (
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/watchpost-edge/watchpost/firmware-sim/fault"
)

// reportEvery is how often a sender report leaves. Cameras send one about
// every 5 s (RFC 3550, section 6.2, its minimum interval).
const reportEvery = 5 * time.Second

// reporter makes a camera's sender reports. gortsplib's own write the fraction
// of the NTP time as nanoseconds, so that a camera's clock would seem to
// wobble by up to 0.77 s.
type reporter struct {
	last    time.Time
	packets uint32
	bytes   uint32
}

// sent counts a packet and returns the report that is due after it, or nil.
// taken is when the packet's picture was, by the camera's clock; the fault may
// leave reports out, or write a time drawn by dice into them.
func (r *reporter) sent(packet *rtp.Packet, taken time.Time, now fault.Fault, dice func() uint32) *rtcp.SenderReport {
	r.packets++
	r.bytes += uint32(len(packet.Payload))
	if taken.Sub(r.last) < reportEvery {
		return nil
	}
	r.last = taken
	if now.Undated {
		return nil
	}
	at := ntpTime(taken)
	if now.Misdated {
		at = uint64(dice()) << 32
	}
	return &rtcp.SenderReport{
		SSRC: packet.SSRC, NTPTime: at, RTPTime: packet.Timestamp, PacketCount: r.packets, OctetCount: r.bytes,
	}
}

// ntpTime is a time in NTP's 32.32 fixed point, seconds since 1900 (RFC 3550,
// section 4).
func ntpTime(t time.Time) uint64 {
	const since1900 = 2208988800
	return uint64(t.Unix()+since1900)<<32 | uint64(t.Nanosecond())<<32/1_000_000_000
}
