package drone_test

import (
	"context"
	"log/slog"
	"math"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gomavlib/v3"
	"github.com/bluenviron/gomavlib/v3/pkg/dialects/common"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/firmware-sim/drone"
)

// ground collects what drones say.
type ground struct {
	node *gomavlib.Node
	addr string

	mu        sync.Mutex
	positions []*common.MessageGlobalPositionInt
	kinds     map[uint32]int
	systems   map[byte]bool
}

func freeUDP(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer conn.Close()
	return conn.LocalAddr().String()
}

func listen(t *testing.T, addr string) *ground {
	t.Helper()
	g := &ground{addr: addr, kinds: map[uint32]int{}, systems: map[byte]bool{}}
	g.node = &gomavlib.Node{
		Endpoints: []gomavlib.EndpointConf{gomavlib.EndpointUDPServer{Address: addr}},
		Dialect:   common.Dialect, OutVersion: gomavlib.V2, OutSystemID: 255,
	}
	require.NoError(t, g.node.Initialize())
	var wg sync.WaitGroup
	wg.Go(func() {
		for event := range g.node.Events() {
			frame, ok := event.(*gomavlib.EventFrame)
			if !ok {
				continue
			}
			g.mu.Lock()
			g.kinds[frame.Message().GetID()]++
			g.systems[frame.SystemID()] = true
			if p, ok := frame.Message().(*common.MessageGlobalPositionInt); ok {
				g.positions = append(g.positions, p)
			}
			g.mu.Unlock()
		}
	})
	t.Cleanup(func() { g.node.Close(); wg.Wait() })
	return g
}

func (g *ground) count(id uint32) int { g.mu.Lock(); defer g.mu.Unlock(); return g.kinds[id] }

func config(target string) drone.Config {
	return drone.Config{
		ID: "uav-1", SystemID: 7, Target: target, Center: drone.Position{Lat: 28.69, Lon: 115.99},
		RadiusM: 150, AltitudeM: 80, GroundM: 20, SpeedMPS: 10, RateHz: 20,
	}
}

func fly(t *testing.T, conf drone.Config) (*drone.Drone, func()) {
	t.Helper()
	d := drone.New(conf, slog.New(slog.DiscardHandler))
	require.NoError(t, d.Open())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			require.NoError(t, err)
		case <-time.After(time.Minute):
			require.Fail(t, "drone did not stop")
		}
	})
	t.Cleanup(stop)
	return d, stop
}

func eventually(t *testing.T, f func() bool) {
	t.Helper()
	require.Eventually(t, f, time.Minute, 10*time.Millisecond)
}

func TestTelemetryIsAPatrol(t *testing.T) {
	g := listen(t, freeUDP(t))
	conf := config("udp:" + g.addr)
	d, stop := fly(t, conf)
	eventually(t, func() bool {
		return g.count(33) > 20 && g.count(0) > 1 && g.count(1) > 1 && g.count(147) > 1 && g.count(30) > 20
	})
	require.True(t, d.State().Running)
	require.NotNil(t, d.State().Pose)
	stop()
	require.False(t, d.State().Running)

	g.mu.Lock()
	defer g.mu.Unlock()
	require.Equal(t, map[byte]bool{7: true}, g.systems)
	for i, p := range g.positions {
		north := (float64(p.Lat)/1e7 - conf.Center.Lat) * math.Pi / 180 * 6371008.8
		east := (float64(p.Lon)/1e7 - conf.Center.Lon) * math.Pi / 180 * 6371008.8 * math.Cos(conf.Center.Lat*math.Pi/180)
		require.InDelta(t, conf.RadiusM, math.Hypot(north, east), 0.5)
		require.InDelta(t, conf.SpeedMPS, math.Hypot(float64(p.Vx), float64(p.Vy))/100, 0.05)
		require.InDelta(t, 80, float64(p.RelativeAlt)/1000, 2)
		require.Equal(t, int32(20000), p.Alt-p.RelativeAlt)
		course := math.Mod(math.Atan2(float64(p.Vy), float64(p.Vx))*180/math.Pi+360, 360)
		require.InDelta(t, 0, math.Mod(course-float64(p.Hdg)/100+540, 360)-180, 1)
		if i > 0 { // it is where its speed brought it
			before := g.positions[i-1]
			seconds := float64(p.TimeBootMs-before.TimeBootMs) / 1000
			if seconds > 1 { // the machine was late: too far for a straight line
				continue
			}
			moved := float64(p.Lat-before.Lat) / 1e7 * math.Pi / 180 * 6371008.8
			require.InDelta(t, float64(before.Vx+p.Vx)/200*seconds, moved, 0.2)
		}
	}
}

func TestNobodyListensYet(t *testing.T) {
	addr := freeUDP(t)
	d, _ := fly(t, config("udp:"+addr))
	eventually(t, func() bool { return d.State().Sent > 10 })
	g := listen(t, addr)
	eventually(t, func() bool { return g.count(33) > 3 })
}

func TestTargetComesLaterAndMoves(t *testing.T) {
	conf := config("")
	d, _ := fly(t, conf)
	require.Error(t, d.SetTarget("127.0.0.1:1"))
	first, second := listen(t, freeUDP(t)), listen(t, freeUDP(t))
	require.NoError(t, d.SetTarget("udp:"+first.addr))
	eventually(t, func() bool { return first.count(33) > 3 })
	require.NoError(t, d.SetTarget("udp:"+second.addr))
	eventually(t, func() bool { return second.count(33) > 3 })
	require.Equal(t, "udp:"+second.addr, d.Target())
}
