package drone

import (
	"bytes"
	"context"
	"math"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gomavlib/v3"
	"github.com/bluenviron/gomavlib/v3/pkg/dialect"
	"github.com/bluenviron/gomavlib/v3/pkg/dialects/common"
	"github.com/bluenviron/gomavlib/v3/pkg/frame"
	"github.com/bluenviron/gomavlib/v3/pkg/message"
	"github.com/bluenviron/gomavlib/v3/pkg/streamwriter"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
)

const soon = time.Minute // of a loaded machine

// desk collects reports.
type desk struct {
	mu  sync.Mutex
	all []ingest.Telemetry
}

func (d *desk) deliver(t ingest.Telemetry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, t)
}

func (d *desk) last() ingest.Telemetry {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.all) == 0 {
		return ingest.Telemetry{}
	}
	return d.all[len(d.all)-1]
}

func listen(t *testing.T) (*Source, *desk) {
	t.Helper()
	d := &desk{}
	s := New(Config{Drone: "uav-1", Listen: "udp:127.0.0.1:0", SystemID: 7, Deliver: d.deliver})
	require.NoError(t, s.Open())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return s, d
}

func fly(t *testing.T, address string, system byte, version gomavlib.Version) *gomavlib.Node {
	t.Helper()
	n := &gomavlib.Node{
		Endpoints: []gomavlib.EndpointConf{gomavlib.EndpointUDPClient{Address: address}},
		Dialect:   common.Dialect, OutVersion: version, OutSystemID: system, HeartbeatDisable: true,
	}
	require.NoError(t, n.Initialize())
	t.Cleanup(n.Close)
	for e := range n.Events() {
		if _, open := e.(*gomavlib.EventChannelOpen); open {
			return n
		}
	}
	return nil
}

func TestTelemetryOfADrone(t *testing.T) {
	for _, version := range []gomavlib.Version{gomavlib.V1, gomavlib.V2} {
		s, d := listen(t)
		n := fly(t, s.Addr(), 7, version)
		for _, m := range []message.Message{
			&common.MessageHeartbeat{Autopilot: common.MAV_AUTOPILOT_PX4, BaseMode: common.MAV_MODE_FLAG_SAFETY_ARMED | common.MAV_MODE_FLAG_AUTO_ENABLED},
			&common.MessageGlobalPositionInt{Lat: 286900000, Lon: 1159900000, Alt: 123400, RelativeAlt: 80500, Vx: 300, Vy: -400, Vz: 150, Hdg: 27050},
			&common.MessageSysStatus{VoltageBattery: 22200, BatteryRemaining: 64},
			&common.MessageAttitude{Roll: math.Pi / 18, Pitch: -math.Pi / 36},
			&common.MessageStatustext{Text: "hello"},
		} {
			require.NoError(t, n.WriteMessageAll(m))
		}
		require.Eventually(t, func() bool { return d.last().RollDeg != nil }, soon, time.Millisecond)
		got := d.last()
		require.Equal(t, "uav-1", got.Drone)
		require.InDelta(t, 28.69, got.Position.Lat, 1e-9)
		require.InDelta(t, 115.99, got.Position.Lon, 1e-9)
		require.InDelta(t, 123.4, *got.AltMSLm, 1e-9)
		require.InDelta(t, 80.5, *got.HeightM, 1e-9)
		require.InDelta(t, 5, *got.SpeedMPS, 1e-9)
		require.InDelta(t, -1.5, *got.ClimbMPS, 1e-9)
		require.InDelta(t, 270.5, *got.HeadingDeg, 1e-9)
		require.InDelta(t, 64, *got.BatteryPct, 0)
		require.Equal(t, 22200, *got.VoltageMV)
		require.InDelta(t, 10, *got.RollDeg, 1e-4)
		require.InDelta(t, -5, *got.PitchDeg, 1e-4)
		require.True(t, *got.Armed)
		require.Equal(t, "auto", got.Mode)
		require.WithinDuration(t, time.Now(), got.At, soon)
	}
}

func TestUnknownIsNil(t *testing.T) {
	now := time.Now()
	var s state
	require.True(t, s.apply(&common.MessageGlobalPositionInt{Lat: 1, Lon: 1, Hdg: 9000}, now))
	before := s.t
	require.True(t, s.apply(&common.MessageGlobalPositionInt{Hdg: math.MaxUint16}, now), "the fix is lost")
	require.Nil(t, s.t.Position)
	require.Nil(t, s.t.AltMSLm)
	require.Nil(t, s.t.HeadingDeg)
	require.InDelta(t, 90, *before.HeadingDeg, 0, "what was delivered does not change")
	s.apply(&common.MessageGlobalPositionInt{Lat: 950000000, Lon: 1}, now)
	require.Nil(t, s.t.Position, "no such latitude")
	s.apply(&common.MessageGlobalPositionInt{Lat: 1, Lon: 1, Alt: math.MinInt32, RelativeAlt: math.MaxInt32}, now)
	require.Nil(t, s.t.AltMSLm, "nobody flies there")
	require.Nil(t, s.t.HeightM)

	s.apply(&common.MessageSysStatus{VoltageBattery: math.MaxUint16, BatteryRemaining: -1}, now)
	require.Nil(t, s.t.VoltageMV)
	require.Nil(t, s.t.BatteryPct)
	s.apply(&common.MessageBatteryStatus{BatteryRemaining: 50}, now)
	s.apply(&common.MessageBatteryStatus{Id: 1, BatteryRemaining: 10}, now)
	s.apply(&common.MessageSysStatus{BatteryRemaining: -1}, now)
	require.InDelta(t, 50, *s.t.BatteryPct, 0)

	require.NotNil(t, s.t.Position)
	s.apply(&common.MessageBatteryStatus{BatteryRemaining: 50}, now.Add(positionFor))
	require.NotNil(t, s.t.Position)
	s.apply(&common.MessageBatteryStatus{BatteryRemaining: 50}, now.Add(positionFor+time.Millisecond))
	require.Nil(t, s.t.Position, "it lives, and does not say where")
	require.Nil(t, s.t.SpeedMPS)
	require.Nil(t, s.t.HeightM)

	s.apply(&common.MessageAttitude{Roll: float32(math.NaN())}, now)
	require.Nil(t, s.t.RollDeg)
	require.NotNil(t, s.t.PitchDeg)

	require.False(t, s.apply(&common.MessageHeartbeat{Autopilot: common.MAV_AUTOPILOT_INVALID}, now), "a camera's heartbeat")
	require.Nil(t, s.t.Armed)

	require.False(t, s.apply(&common.MessageVideoStreamInformation{Uri: "file:///etc/passwd"}, now))
	require.True(t, s.apply(&common.MessageVideoStreamInformation{Uri: "rtsp://10.0.0.9/main"}, now))
	require.Equal(t, "rtsp://10.0.0.9/main", s.t.VideoURI)
}

func TestOtherSystemsAndNoiseAreCounted(t *testing.T) {
	s, d := listen(t)
	require.NoError(t, fly(t, s.Addr(), 8, gomavlib.V2).WriteMessageAll(&common.MessageAttitude{}))
	conn, err := net.Dial("udp", s.Addr())
	require.NoError(t, err)
	defer conn.Close()
	broken := encode(t, 7, &common.MessageAttitude{Roll: 1})
	broken[12] ^= 0xFF
	for _, data := range [][]byte{{}, []byte("hello"), {0xFD}, broken} {
		_, err = conn.Write(data)
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { st := s.Stats(); return st.Foreign == 1 && st.Malformed == 3 }, soon, time.Millisecond)
	require.Zero(t, d.last())
	require.Zero(t, s.Stats().Last)
	_, err = conn.Write(encode(t, 7, &common.MessageAttitude{Roll: 1}))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return d.last().RollDeg != nil }, soon, time.Millisecond)
	require.NotZero(t, s.Stats().Last)
}

func TestReportsAreAtMostTenASecondAndTheLastIsNotLost(t *testing.T) {
	s, d := listen(t)
	conn, err := net.Dial("udp", s.Addr())
	require.NoError(t, err)
	defer conn.Close()
	began := time.Now()
	for n := range 300 {
		_, err = conn.Write(encode(t, 7, &common.MessageGlobalPositionInt{Lat: 1, Lon: int32(n)}))
		require.NoError(t, err)
		if n%30 == 29 {
			require.Eventually(t, func() bool { return s.Stats().Frames == uint64(n+1) }, soon, time.Millisecond)
		}
	}
	require.Eventually(t, func() bool { p := d.last().Position; return p != nil && p.Lon == 299/1e7 }, soon, time.Millisecond)
	require.LessOrEqual(t, s.Stats().Delivered, uint64(time.Since(began)/interval)+2)
}

func TestTakenPortIsNamed(t *testing.T) {
	s, _ := listen(t)
	err := New(Config{Drone: "uav-2", Listen: "udp:" + s.Addr()}).Run(t.Context())
	require.ErrorContains(t, err, "listen for drone uav-2 on "+s.Addr()+": the address is taken")
	require.ErrorContains(t, New(Config{Listen: "tcp:x"}).Open(), "want udp:host:port")
}

var readWriter = sync.OnceValue(func() *dialect.ReadWriter { return New(Config{}).read })

func encode(t testing.TB, system byte, m message.Message) []byte {
	t.Helper()
	var out bytes.Buffer
	w := &frame.Writer{ByteWriter: &out, DialectRW: readWriter()}
	require.NoError(t, w.Initialize())
	sw := &streamwriter.Writer{FrameWriter: w, Version: streamwriter.V2, SystemID: system, ComponentID: 1}
	require.NoError(t, sw.Initialize())
	require.NoError(t, sw.Write(m))
	return out.Bytes()
}

func FuzzDatagram(f *testing.F) {
	for _, m := range []message.Message{
		&common.MessageHeartbeat{Autopilot: 12, BaseMode: 0x80},
		&common.MessageGlobalPositionInt{Lat: 286900000, Lon: 1159900000, Hdg: 65535},
		&common.MessageSysStatus{VoltageBattery: 65535, BatteryRemaining: -1},
		&common.MessageAttitude{Roll: float32(math.Inf(1))},
		&common.MessageVideoStreamInformation{Uri: "rtsp://a"},
	} {
		one := encode(f, 7, m)
		f.Add(one)
		f.Add(append(one, one...))
	}
	f.Add([]byte{0xFE, 0, 0, 7, 1, 0})
	s := New(Config{SystemID: 7})
	f.Fuzz(func(t *testing.T, data []byte) {
		var known state
		s.datagram(&known, data)
		if p := known.t.Position; p != nil {
			require.LessOrEqual(t, math.Abs(p.Lat), 90.0)
			require.LessOrEqual(t, math.Abs(p.Lon), 180.0)
		}
		for _, v := range []*float64{known.t.HeadingDeg, known.t.RollDeg, known.t.PitchDeg, known.t.SpeedMPS, known.t.BatteryPct} {
			require.False(t, v != nil && (math.IsNaN(*v) || math.IsInf(*v, 0)))
		}
	})
}
