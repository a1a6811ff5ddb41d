package whep

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
)

// chromium is the video section of Debian's Chromium, shortened.
const chromium = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n" +
	"m=video 9 UDP/TLS/RTP/SAVPF 96 102 103 104 106 108 39\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=recvonly\r\n" +
	"a=rtpmap:96 VP8/90000\r\n" +
	"a=rtpmap:102 H264/90000\r\na=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n" +
	"a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n" +
	"a=rtpmap:104 H264/90000\r\na=fmtp:104 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=64001f\r\n" +
	"a=rtpmap:106 H264/90000\r\na=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f\r\n" +
	"a=rtpmap:108 H264/90000\r\na=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=f4001f\r\n"

func params(profile, constraints, level byte) *ingest.Params {
	return &ingest.Params{Codec: ingest.H264, SPS: []byte{0x67, profile, constraints, level}, PPS: []byte{0x68}}
}

func TestPayloadFitsTheCamera(t *testing.T) {
	for name, tc := range map[string]struct {
		camera *ingest.Params
		want   int
	}{
		"constrained baseline": {params(0x42, 0xc0, 0x1f), 102},
		"main":                 {params(0x4d, 0x40, 0x28), 106},
		"high is not offered in mode 1: any other, decoders go by the SPS": {params(0x64, 0x00, 0x28), 102},
	} {
		got, err := choose([]byte(chromium), tc.camera)
		require.NoError(t, err, name)
		require.False(t, got.counter, name)
		require.EqualValues(t, tc.want, got.payload, name)
	}
	high := chromium + "a=rtpmap:110 H264/90000\r\na=fmtp:110 packetization-mode=1;profile-level-id=64001F\r\n"
	got, err := choose([]byte(high), params(0x64, 0, 0x28))
	require.NoError(t, err)
	require.EqualValues(t, 110, got.payload)
}

func FuzzOffer(f *testing.F) {
	f.Add([]byte(chromium))
	f.Add([]byte(""))
	f.Add([]byte("v=0\r\nm=video 9 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;profile-level-id=zz\r\n"))
	f.Add([]byte("a=mid:1\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n"))
	f.Fuzz(func(t *testing.T, offer []byte) {
		got, err := choose(offer, params(0x64, 0, 0x28))
		if err == nil && !got.counter {
			require.Contains(t, got.fmtp, "1")
			require.Less(t, int(got.payload), 128)
		}
		for _, one := range candidates(offer) {
			require.NotNil(t, one.SDPMid)
		}
	})
}
