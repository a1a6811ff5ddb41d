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

	"github.com/watchpost-edge/watchpost/firmware-sim/pillar"
)

const (
	earthRadiusM = 6371008.8 // mean (IUGG)
	answerWithin = 5 * time.Second
	retryAfter   = time.Second
	keepAlive    = 30 * time.Second
	goodbyeMS    = 250 // paho's quiet period before DISCONNECT
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
	Running   bool      `json:"running"`
	Broker    string    `json:"broker"`
	Connected bool      `json:"connected"`
	Error     string    `json:"error,omitempty"` // of the last attempt to connect
	Sent      uint64    `json:"sent"`            // positions that the broker took
	Queued    int       `json:"queued"`
	At        *Position `json:"at,omitempty"` // as last measured
}

// Phone is a device that can be switched on and off.
type Phone struct {
	conf  Config
	log   *slog.Logger
	moved chan struct{} // the broker changed

	mu    sync.Mutex
	state State
	queue [][]byte
}

// New is a phone that is off.
func New(conf Config, log *slog.Logger) *Phone {
	return &Phone{conf: conf, log: log.With("phone", conf.Person), moved: make(chan struct{}, 1), state: State{Broker: conf.Broker}}
}

// SetBroker makes the phone leave its broker for another one.
func (p *Phone) SetBroker(broker string) error {
	if err := pillar.CheckBroker(broker); err != nil {
		return fmt.Errorf("set broker of phone %s: %w", p.conf.Person, err)
	}
	p.change(func(s *State) { s.Broker = broker })
	select {
	case p.moved <- struct{}{}:
	default:
	}
	return nil
}

// Broker is the phone's broker; empty while none is known.
func (p *Phone) Broker() string { return p.State().Broker }

// State is a copy of what the phone is doing.
func (p *Phone) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.state
	s.Queued = len(p.queue)
	return s
}

func (p *Phone) change(f func(*State)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.state)
}

// Open switches the phone on. Run must follow.
func (p *Phone) Open() error {
	p.change(func(s *State) { s.Running, s.Error = true, "" })
	return nil
}

// Run walks until ctx ends.
func (p *Phone) Run(ctx context.Context) error {
	begin := time.Now()
	for ctx.Err() == nil {
		err := p.session(ctx, p.Broker(), begin)
		p.change(func(s *State) {
			s.Connected = false
			if err != nil {
				s.Error = err.Error()
			}
		})
		if err != nil {
			p.log.Info("phone is not connected", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-p.moved:
		case <-time.After(retryAfter):
		}
	}
	p.change(func(s *State) { s.Running = false })
	return nil
}

// session is one connection to the broker, from CONNECT to its end; while there
// is no broker the phone only walks.
func (p *Phone) session(ctx context.Context, broker string, begin time.Time) error {
	lost := make(chan error, 1)
	var client mqtt.Client
	if broker != "" {
		client = mqtt.NewClient(p.options(broker, lost))
		if err := wait(client.Connect()); err != nil {
			p.measure(begin)
			return fmt.Errorf("connect to %s: %w", broker, err)
		}
		defer client.Disconnect(goodbyeMS)
		p.change(func(s *State) { s.Connected, s.Error = true, "" })
		client.Subscribe("owntracks/+/+", 1, nil) // its friends: the app asks, and takes a refusal
	}
	tick := time.NewTicker(p.conf.Every)
	defer tick.Stop()
	for {
		p.measure(begin)
		if client != nil {
			if err := p.flush(client); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-p.moved:
			return nil
		case err := <-lost:
			return err
		case <-tick.C:
		}
	}
}

func (p *Phone) options(broker string, lost chan<- error) *mqtt.ClientOptions {
	return mqtt.NewClientOptions().AddBroker(broker).SetClientID(p.conf.Person+p.conf.Device).SetUsername(p.conf.Person).SetPassword(p.conf.Password).
		SetProtocolVersion(4).SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false).
		SetConnectTimeout(answerWithin).SetWriteTimeout(answerWithin).SetKeepAlive(keepAlive).
		SetWill(p.topic(), fmt.Sprintf(`{"_type":"lwt","tst":%d}`, time.Now().Unix()), 1, false).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost <- err })
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
func (p *Phone) flush(client mqtt.Client) error {
	for {
		p.mu.Lock()
		if len(p.queue) == 0 {
			p.mu.Unlock()
			return nil
		}
		message := p.queue[0]
		p.mu.Unlock()
		if err := wait(client.Publish(p.topic(), 1, true, message)); err != nil {
			return fmt.Errorf("publish position: %w", err)
		}
		p.mu.Lock()
		p.queue = p.queue[1:]
		p.state.Sent++
		p.mu.Unlock()
	}
}

func wait(token mqtt.Token) error {
	if !token.WaitTimeout(2 * answerWithin) {
		return fmt.Errorf("no answer within %s", 2*answerWithin)
	}
	return token.Error()
}
