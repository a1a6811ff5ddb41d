// Package phone owns simulated phones of officers: each walks a round and tells
// an MQTT broker where it is, as the OwnTracks app does: QoS 1, retained, with a
// Will, and asking for its friends' positions, which it may be refused.
//
// A position that the broker did not take is sent again once there is a
// connection, all of them in order, up to as many as the app keeps. It is
// stopped and killed in the same way: it says goodbye. Run returns when its
// goroutines have ended.
package phone

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/watchpost-edge/watchpost/firmware-sim/client"
)

const (
	earthRadiusM = 6371008.8 // mean (IUGG)
	queuedMax    = 1000
)

// Position is a place in WGS 84, degrees.
type Position struct {
	Lat float64 `json:"lat" yaml:"lat"`
	Lon float64 `json:"lon" yaml:"lon"`
}

// Config is one phone.
type Config struct {
	Person   string // login, and the middle of its topic
	Device   string
	Password string
	Broker   string // mqtt://host:port; empty: not yet known
	Center   Position
	RadiusM  float64
	SpeedMPS float64
	Every    time.Duration // between two positions
}

// State is what the phone is doing.
type State struct {
	client.State
	Sent   uint64    `json:"sent"` // positions that the broker took
	Queued int       `json:"queued"`
	At     *Position `json:"at,omitempty"` // as last measured
}

// Phone is a device that can be switched on and off.
type Phone struct {
	*client.Line
	conf Config
	log  *slog.Logger

	mu    sync.Mutex
	state State
	queue [][]byte
}

// New is a phone that is off.
func New(conf Config, log *slog.Logger) *Phone {
	log = log.With("phone", conf.Person)
	return &Phone{Line: client.NewLine("phone "+conf.Person, conf.Broker, log), conf: conf, log: log}
}

// State is a copy of what the phone is doing.
func (p *Phone) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.state
	s.State = p.Line.Line()
	s.Queued = len(p.queue)
	return s
}

// Run walks until ctx ends.
func (p *Phone) Run(ctx context.Context) error {
	begin := time.Now()
	p.Keep(ctx, func(ctx context.Context, broker string) error { return p.session(ctx, broker, begin) })
	return nil
}

// session is one connection to the broker, from CONNECT to its end; while there
// is no broker the phone only walks.
func (p *Phone) session(ctx context.Context, broker string, begin time.Time) error {
	lost := make(chan error, 1)
	var conn mqtt.Client
	if broker != "" {
		conn = mqtt.NewClient(p.options(broker, lost))
		if err := client.Wait(conn.Connect(), client.AnswerWithin); err != nil {
			p.measure(begin)
			return fmt.Errorf("connect to %s: %w", broker, err)
		}
		defer conn.Disconnect(client.GoodbyeMS)
		p.Connected()
		conn.Subscribe("owntracks/+/+", 1, nil) // its friends: the app asks, and takes a refusal
	}
	tick := time.NewTicker(p.conf.Every)
	defer tick.Stop()
	for {
		p.measure(begin)
		if conn != nil {
			if err := p.flush(conn); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-p.Moved():
			return nil
		case err := <-lost:
			return err
		case <-tick.C:
		}
	}
}

func (p *Phone) options(broker string, lost chan<- error) *mqtt.ClientOptions {
	return client.Options(broker, p.conf.Person+p.conf.Device, p.conf.Person, p.conf.Password, lost).
		SetWill(p.topic(), fmt.Sprintf(`{"_type":"lwt","tst":%d}`, time.Now().Unix()), 1, false)
}

func (p *Phone) topic() string { return "owntracks/" + p.conf.Person + "/" + p.conf.Device }

// at is where the phone is after t on its round: a circle, clockwise.
func (c Config) at(t time.Duration) (at Position, headingDeg float64) {
	angle := c.SpeedMPS / c.RadiusM * t.Seconds()
	north, east := c.RadiusM*math.Cos(angle), c.RadiusM*math.Sin(angle)
	return Position{
		Lat: c.Center.Lat + north/earthRadiusM*180/math.Pi,
		Lon: c.Center.Lon + east/earthRadiusM*180/math.Pi/math.Cos(c.Center.Lat*math.Pi/180),
	}, math.Mod(angle*180/math.Pi+90, 360)
}

// measure puts where the phone is into its queue; a full one loses its oldest.
func (p *Phone) measure(begin time.Time) {
	now := time.Now()
	at, heading := p.conf.at(now.Sub(begin))
	message, err := json.Marshal(map[string]any{
		"_type": "location", "lat": at.Lat, "lon": at.Lon, "tst": now.Unix(), "acc": 8, "batt": 81, "vel": math.Round(p.conf.SpeedMPS * 3.6),
		"cog": math.Round(heading), "conn": "m", "t": "u", "tid": p.conf.Device,
	})
	if err != nil {
		p.log.Error("write position", "err", err) // only if the configuration's numbers are none
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.At = &at
	if p.queue = append(p.queue, message); len(p.queue) > queuedMax {
		p.queue = p.queue[1:]
	}
}

// flush sends what is queued, oldest first: each leaves the queue with the
// broker's PUBACK.
func (p *Phone) flush(conn mqtt.Client) error {
	for {
		p.mu.Lock()
		if len(p.queue) == 0 {
			p.mu.Unlock()
			return nil
		}
		message := p.queue[0]
		p.mu.Unlock()
		if err := client.Wait(conn.Publish(p.topic(), 1, true, message), 2*client.AnswerWithin); err != nil {
			return fmt.Errorf("publish position: %w", err)
		}
		p.mu.Lock()
		p.queue = p.queue[1:]
		p.state.Sent++
		p.mu.Unlock()
	}
}
