package access_test

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
)

func TestAddressesFromTheWallLeadOutwardOnly(t *testing.T) {
	out := access.NewOutbound("rtsp://127.0.0.1:8554/main", "not an address")
	for _, good := range []string{"rtsp://10.0.0.11/main", "rtsp://192.168.1.9:554/x", "https://camera.example/onvif", "rtsp://[2001:db8::1]/main", "rtsp://127.0.0.1:8554/other"} {
		require.NoError(t, out.Check(good, "rtsp", "https"), good)
	}
	for _, bad := range []string{
		"rtsp://127.0.0.1/main", "rtsp://127.8.8.8:554/", "rtsp://localhost/", "rtsp://LOCALHOST./", "rtsp://camera.localhost/", "rtsp://[::1]/", "rtsp://[::ffff:127.0.0.1]/",
		"rtsp://0.0.0.0/", "rtsp://[::]/", "rtsp://169.254.169.254/latest", "rtsp://[fe80::1%25eth0]/", "rtsp://100.100.100.200/", "rtsp://[fd00:ec2::254]/",
		"rtsp://168.63.129.16/", "rtsp://224.0.0.1/", "rtsp://255.255.255.255/", "rtsp://[64:ff9b::7f00:1]/", "rtsp://[2002:7f00:1::]/", "rtsp://[::127.0.0.1]/",
		"rtsp://2130706433/", "rtsp://0x7f000001/", "rtsp://127.1/", "rtsp://0177.0.0.1/", "rtsp://user:secret@10.0.0.11/", "file:///etc/passwd", "gopher://10.0.0.1/", "rtsp://", "10.0.0.1",
	} {
		err := out.Check(bad, "rtsp", "https")
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "secret")
	}
}

// A name may be anything when it is typed; what counts is where it leads when
// it is dialled.
func TestNamesAreCheckedWhenTheyAreDialled(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	require.NoError(t, err)
	out := access.NewOutbound()
	for _, host := range []string{"localhost", "127.0.0.1"} {
		_, err = out.DialContext(t.Context(), "tcp", net.JoinHostPort(host, port))
		require.ErrorIs(t, err, access.ErrOutbound, host)
	}
	conn, err := access.NewOutbound("rtsp://127.0.0.1:"+port+"/main").DialContext(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", port))
	require.NoError(t, err, "the configuration names it")
	require.NoError(t, conn.SetDeadline(time.Now()))
	require.NoError(t, conn.Close())
}

func FuzzOutboundCheck(f *testing.F) {
	for _, seed := range []string{"rtsp://10.0.0.1/", "rtsp://127.0.0.1/", "rtsp://[::1]:1/", "rtsp://0x7f.1/", "rtsp://a.b/%00"} {
		f.Add(seed)
	}
	out := access.NewOutbound()
	f.Fuzz(func(t *testing.T, text string) { _ = out.Check(text, "rtsp") })
}
