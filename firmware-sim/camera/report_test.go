package camera

import (
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/firmware-sim/fault"
)

func TestAReportTellsTheTimeOfItsPicture(t *testing.T) {
	var r reporter
	at := time.Date(2026, 11, 22, 3, 4, 5, 750_000_000, time.UTC)
	packet := &rtp.Packet{Header: rtp.Header{SSRC: 7, Timestamp: 90_000}, Payload: make([]byte, 100)}
	first := r.sent(packet, at, fault.Fault{}, nil)
	require.NotNil(t, first, "the first packet is followed by one")
	require.EqualValues(t, 7, first.SSRC)
	require.EqualValues(t, 90_000, first.RTPTime)
	require.EqualValues(t, 100, first.OctetCount)
	require.EqualValues(t, 0xC0000000, first.NTPTime&0xFFFFFFFF, "three quarters of a second")
	require.EqualValues(t, at.Unix()+2208988800, first.NTPTime>>32)
	require.Nil(t, r.sent(packet, at.Add(4*time.Second), fault.Fault{}, nil))
	require.NotNil(t, r.sent(packet, at.Add(5*time.Second), fault.Fault{}, nil))
}
