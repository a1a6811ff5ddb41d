// Package drone owns simulated drones: each flies a circle over the station
// and sends its telemetry as MAVLink 2 over UDP, as an autopilot does to the
// ground station it was told of.
//
// It takes no commands. Nobody listening at the target is no error: a drone
// cannot know. Stopped or killed, it falls silent in the same way, since UDP
// has no goodbye; started again it takes off with a full battery. Run returns
// when its goroutines have ended.
package drone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/bluenviron/gomavlib/v3"
	"github.com/bluenviron/gomavlib/v3/pkg/dialects/common"
	"github.com/bluenviron/gomavlib/v3/pkg/message"
)

// Config is one drone.
type Config struct {
	ID        string
	SystemID  byte
	Target    string // udp:host:port; empty: not yet known
	Center    Position
	RadiusM   float64
	AltitudeM float64 // above take-off
	GroundM   float64 // take-off above mean sea level
	SpeedMPS  float64
	RateHz    float64 // of positions and attitudes
}

// idle is longer than any simulation: the target never answers.
const idle = 365 * 24 * time.Hour

// State is what the drone is doing.
type State struct {
	Running bool   `json:"running"`
	Target  string `json:"target"`
	Sent    uint64 `json:"sent"` // messages
	Error   string `json:"error,omitempty"`
	Pose    *Pose  `json:"pose,omitempty"` // as last sent
}

// Drone is a device that can be switched on and off.
type Drone struct {
	conf  Config
	log   *slog.Logger
	moved chan struct{} // the target changed

	mu    sync.Mutex
	state State
}

// New is a drone on the ground, switched off.
func New(conf Config, log *slog.Logger) *Drone {
	return &Drone{conf: conf, log: log.With("drone", conf.ID), moved: make(chan struct{}, 1), state: State{Target: conf.Target}}
}

// CheckTarget tells whether target is an address a drone can send to.
func CheckTarget(target string) error {
	addr, ok := strings.CutPrefix(target, "udp:")
	if !ok {
		return fmt.Errorf("target %q: want udp:host:port", target)
	}
	if _, err := net.ResolveUDPAddr("udp4", addr); err != nil {
		return fmt.Errorf("target %q: want udp:host:port: %w", target, err)
	}
	return nil
}

// SetTarget makes the drone report to another address.
func (d *Drone) SetTarget(target string) error {
	if err := CheckTarget(target); err != nil {
		return fmt.Errorf("set target of drone %s: %w", d.conf.ID, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state.Target = target
	d.poke()
	return nil
}

func (d *Drone) poke() {
	select {
	case d.moved <- struct{}{}:
	default: // it will look soon
	}
}

// Target is where the drone reports to; empty while none is known.
func (d *Drone) Target() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state.Target
}

// State is a copy of what the drone is doing.
func (d *Drone) State() State {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.state
	if s.Pose != nil {
		p := *s.Pose
		s.Pose = &p
	}
	return s
}

// Open takes off. Run must follow.
func (d *Drone) Open() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state.Running, d.state.Error = true, ""
	return nil
}

// Run flies until ctx ends.
func (d *Drone) Run(ctx context.Context) error {
	start := time.Now()
	for ctx.Err() == nil {
		if err := d.report(ctx, start); err != nil {
			d.log.Error("report telemetry", "err", err)
			d.fail(err)
		}
		select {
		case <-ctx.Done():
		case <-d.moved:
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state.Running, d.state.Pose = false, nil
	return nil
}

func (d *Drone) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state.Error = err.Error()
}

// report sends telemetry to the present target; nil when there is none, when
// it changed, and at the end of ctx.
func (d *Drone) report(ctx context.Context, start time.Time) error {
	target := d.Target()
	if target == "" {
		return nil
	}
	node := &gomavlib.Node{
		Endpoints: []gomavlib.EndpointConf{gomavlib.EndpointCustomClient{
			Label: target, Connect: func(ctx context.Context) (net.Conn, error) { return dial(ctx, target) },
		}},
		Dialect:          common.Dialect,
		OutVersion:       gomavlib.V2,
		OutSystemID:      d.conf.SystemID,
		HeartbeatDisable: true, // ours says it is a quadrotor
		IdleTimeout:      idle,
	}
	if err := node.Initialize(); err != nil {
		return fmt.Errorf("open %s: %w", target, err)
	}
	var drained sync.WaitGroup
	drained.Go(func() {
		for range node.Events() { // what comes back is not for us, but must be taken
		}
	})
	defer drained.Wait()
	defer node.Close()

	tick := time.NewTicker(time.Duration(float64(time.Second) / d.conf.RateHz))
	defer tick.Stop()
	second := time.Duration(-1)
	for {
		elapsed := time.Since(start)
		out := d.moving(elapsed)
		if s := elapsed.Truncate(time.Second); s != second {
			second = s
			out = append(d.health(elapsed), out...)
		}
		for _, m := range out {
			if err := node.WriteMessageAll(m); err != nil {
				return fmt.Errorf("send message %d: %w", m.GetID(), err)
			}
		}
		d.sent(d.conf.at(elapsed), len(out))
		select {
		case <-ctx.Done():
			return nil
		case <-d.moved:
			d.poke() // Run looks at it too
			return nil
		case <-tick.C:
		}
	}
}

func (d *Drone) sent(pose Pose, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state.Pose = &pose
	d.state.Sent += uint64(n)
}

// moving is what changes with every position.
func (d *Drone) moving(t time.Duration) []message.Message {
	p, boot := d.conf.at(t), uint32(t.Milliseconds())
	yaw := p.HeadingDeg * math.Pi / 180
	if yaw > math.Pi {
		yaw -= 2 * math.Pi // ATTITUDE counts from -pi to pi
	}
	return []message.Message{
		&common.MessageGlobalPositionInt{
			TimeBootMs: boot,
			Lat:        int32(math.Round(p.Lat * 1e7)), Lon: int32(math.Round(p.Lon * 1e7)),
			Alt: int32((d.conf.GroundM + p.AltitudeM) * 1000), RelativeAlt: int32(p.AltitudeM * 1000),
			Vx: int16(math.Round(p.NorthMPS * 100)), Vy: int16(math.Round(p.EastMPS * 100)), Vz: int16(math.Round(p.DownMPS * 100)),
			Hdg: uint16(math.Mod(math.Round(p.HeadingDeg*100), 36000)),
		},
		&common.MessageAttitude{TimeBootMs: boot, Roll: float32(p.RollRad), Yaw: float32(yaw), Yawspeed: float32(p.YawRateRad)},
	}
}

// health is what is said once a second.
func (d *Drone) health(t time.Duration) []message.Message {
	p := d.conf.at(t)
	voltages := [10]uint16{}
	for i := range voltages {
		voltages[i] = math.MaxUint16 // no such cell
		if i < cells {
			voltages[i] = p.cellMV()
		}
	}
	return []message.Message{
		&common.MessageHeartbeat{
			Type: common.MAV_TYPE_QUADROTOR, Autopilot: common.MAV_AUTOPILOT_PX4,
			BaseMode:     common.MAV_MODE_FLAG_SAFETY_ARMED | common.MAV_MODE_FLAG_AUTO_ENABLED,
			SystemStatus: common.MAV_STATE_ACTIVE, MavlinkVersion: 3,
		},
		&common.MessageSysStatus{
			VoltageBattery: cells * p.cellMV(), CurrentBattery: hoverCurrentA * 100, BatteryRemaining: int8(p.BatteryPct),
		},
		&common.MessageBatteryStatus{
			BatteryFunction: common.MAV_BATTERY_FUNCTION_ALL, Type: common.MAV_BATTERY_TYPE_LIPO, Temperature: 3100,
			Voltages: voltages, CurrentBattery: hoverCurrentA * 100, CurrentConsumed: int32(hoverCurrentA * 1000 * t.Hours()),
			EnergyConsumed: -1, BatteryRemaining: int8(p.BatteryPct),
		},
	}
}

// dial opens the way to the target. The system reports a port that nobody has
// open; a drone, which hears nothing of that, goes on.
func dial(ctx context.Context, target string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp4", strings.TrimPrefix(target, "udp:"))
	if err != nil {
		return nil, err
	}
	return deafConn{conn}, nil
}

type deafConn struct{ net.Conn }

func (c deafConn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return n, err
		}
	}
}

func (c deafConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return len(b), nil
	}
	return n, err
}
