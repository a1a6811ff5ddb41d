package rtsp_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"
)

const soon = 2 * time.Minute // of a loaded machine

// footage is two seconds of video: access units without delimiters, a key unit
// every second, parameter sets in front of it.
type footage struct {
	hevc          bool
	units         [][][]byte
	vps, sps, pps []byte
}

// plain is what most tests play.
var plain = sync.OnceValues(func() (*footage, error) {
	return film("libx264", "-preset", "ultrafast", "-x264-params", "aud=1:repeat-headers=1:scenecut=0:bframes=0")
})

func plainFilm(t *testing.T) *footage {
	t.Helper()
	f, err := plain()
	require.NoError(t, err)
	return f
}

func film(codec string, args ...string) (*footage, error) {
	cmd := append([]string{"-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=2",
		"-c:v", codec, "-g", "25", "-pix_fmt", "yuv420p"}, args...)
	f, container := &footage{}, "h264"
	delimiter := []byte{0, 0, 0, 1, 9}
	if codec == "libx265" {
		f.hevc, container, delimiter = true, "hevc", []byte{0, 0, 0, 1, 0x46}
	}
	raw, err := exec.Command("ffmpeg", append(cmd, "-f", container, "pipe:1")...).Output()
	if err != nil {
		return nil, fmt.Errorf("run ffmpeg: %w", err)
	}
	// mediacommon reads an access unit at a time: cut at the delimiters.
	for _, part := range bytes.Split(raw, delimiter)[1:] {
		var nals h264.AnnexB
		if err := nals.Unmarshal(append(bytes.Clone(delimiter), part...)); err != nil {
			return nil, err
		}
		for _, nal := range nals[1:] {
			if set := f.set(nal); set != nil {
				*set = nal
			}
		}
		f.units = append(f.units, nals[1:])
	}
	if len(f.units) != 50 || f.sps == nil || f.pps == nil || f.hevc != (f.vps != nil) {
		return nil, fmt.Errorf("%d access units instead of 50, or no parameter sets", len(f.units))
	}
	return f, nil
}

// set is where a parameter set goes, nil when nal is none.
func (f *footage) set(nal []byte) *[]byte {
	if f.hevc {
		return map[byte]*[]byte{32: &f.vps, 33: &f.sps, 34: &f.pps}[nal[0]>>1&0x3F]
	}
	return map[byte]*[]byte{7: &f.sps, 8: &f.pps}[nal[0]&0x1F]
}

// camera is a real RTSP server with footage in a loop.
type camera struct {
	t        *testing.T
	film     *footage
	sdp      bool // parameter sets in the description, and only there
	password string
	tls      *tls.Config
	udp      bool
	noTCP    bool          // refuses TCP
	clock    time.Duration // not 0: sends reports by a wall clock that is off by this
	noMarker bool          // does not say where a picture ends, as some cameras
	address  string
	mute     atomic.Bool  // sends nothing
	ahead    atomic.Int64 // added to RTP timestamps

	teardowns, asked atomic.Int64

	mu     sync.Mutex
	server *gortsplib.Server
	stream *gortsplib.ServerStream
	stop   chan struct{}
	group  sync.WaitGroup
}

func (c *camera) url() string { return "rtsp://" + c.address + "/main" }

// start serves, at the same address as before if there was one.
func (c *camera) start() {
	c.t.Helper()
	if c.address == "" {
		c.address = "127.0.0.1:0"
	}
	server := &gortsplib.Server{Handler: c, TLSConfig: c.tls, RTSPAddress: c.address, Listen: func(network, _ string) (net.Listener, error) {
		l, err := net.Listen(network, c.address)
		if err == nil {
			c.address = l.Addr().String()
		}
		return l, err
	}}
	media := &description.Media{Type: description.MediaTypeVideo}
	encode := c.describe(media)
	c.listen(server)
	stream := &gortsplib.ServerStream{Server: server, Desc: &description.Session{Medias: []*description.Media{media}}}
	require.NoError(c.t, stream.Initialize())
	c.mu.Lock()
	c.server, c.stream, c.stop = server, stream, make(chan struct{})
	c.mu.Unlock()
	c.group.Go(func() { c.play(c.stop, stream, media, encode) })
}

// describe fills in the media and returns what makes its packets.
func (c *camera) describe(media *description.Media) func([][]byte) ([]*rtp.Packet, error) {
	if c.film.hevc {
		f := &format.H265{PayloadTyp: 96}
		if c.sdp {
			f.VPS, f.SPS, f.PPS = c.film.vps, c.film.sps, c.film.pps
		}
		media.Formats = []format.Format{f}
		e, err := f.CreateEncoder()
		require.NoError(c.t, err)
		return e.Encode
	}
	f := &format.H264{PayloadTyp: 96, PacketizationMode: 1}
	if c.sdp {
		f.SPS, f.PPS = c.film.sps, c.film.pps
	}
	media.Formats = []format.Format{f}
	e, err := f.CreateEncoder()
	require.NoError(c.t, err)
	return e.Encode
}

// listen starts the server, with a pair of free UDP ports if it speaks UDP.
func (c *camera) listen(server *gortsplib.Server) {
	var err error
	for range 50 {
		if c.udp {
			pc, err := net.ListenPacket("udp", "127.0.0.1:0")
			require.NoError(c.t, err)
			port := pc.LocalAddr().(*net.UDPAddr).Port &^ 1
			require.NoError(c.t, pc.Close())
			server.UDPRTPAddress, server.UDPRTCPAddress = fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprintf("127.0.0.1:%d", port+1)
		}
		if err = server.Start(); err == nil {
			return
		}
	}
	require.NoError(c.t, err)
}

func (c *camera) play(stop chan struct{}, stream *gortsplib.ServerStream, media *description.Media, encode func([][]byte) ([]*rtp.Packet, error)) {
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		taken := time.Now()
		if c.mute.Load() {
			continue
		}
		var au [][]byte
		for _, nal := range c.film.units[n%len(c.film.units)] {
			if !c.sdp || c.film.set(nal) == nil {
				au = append(au, nal)
			}
		}
		packets, err := encode(au)
		if err != nil {
			panic(err)
		}
		ahead := uint32(c.ahead.Load())
		for _, p := range packets {
			p.Timestamp += uint32(n*3600) + ahead
			if c.noMarker {
				p.Marker = false
			}
			_ = stream.WritePacketRTP(media, p)
		}
		if last := packets[len(packets)-1]; c.clock != 0 && n%10 == 0 {
			ntp := uint64(taken.Add(c.clock).UnixNano()) + 2208988800*1e9 // since 1900
			_ = stream.WritePacketRTCP(media, &rtcp.SenderReport{
				SSRC: last.SSRC, RTPTime: last.Timestamp, NTPTime: ntp/1e9<<32 | ntp%1e9<<32/1e9,
			})
		}
	}
}

func (c *camera) close() {
	c.mu.Lock()
	server, stream := c.server, c.stream
	c.server, c.stream = nil, nil
	c.mu.Unlock()
	if server == nil {
		return
	}
	close(c.stop)
	c.group.Wait()
	stream.Close()
	server.Close()
}

func (c *camera) OnSessionClose(ctx *gortsplib.ServerHandlerOnSessionCloseCtx) {
	if _, ok := ctx.Error.(liberrors.ErrServerSessionTornDown); ok {
		c.teardowns.Add(1)
	}
}

func (c *camera) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	c.asked.Add(1)
	if c.password != "" && !ctx.Conn.VerifyCredentials(ctx.Request, "viewer", c.password) {
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	}
	return c.answer()
}

func (c *camera) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if c.noTCP && ctx.Transport == gortsplib.TransportTCP {
		return &base.Response{StatusCode: base.StatusUnsupportedTransport}, nil, nil
	}
	return c.answer()
}

func (c *camera) answer() (*base.Response, *gortsplib.ServerStream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stream == nil {
		return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
	}
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

func (c *camera) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil
}
