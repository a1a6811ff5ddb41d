// Package pillar owns simulated alarm pillars (contracts.md, "Pillars").
//
// A press is in a file, synced, before it is published, and stays there until
// the box's ack names its id with stored, duplicate or rejected: neither a
// PUBACK nor a restart of the pillar removes it. Until then it is sent again,
// marked as replayed, after every reconnect and every few seconds, in order.
//
// A pillar refuses to be pressed while it is off, and kinds it does not know.
// A broker that refuses or is away is tried again; State tells why. Run
// returns when its goroutines have ended.
package pillar

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/watchpost-edge/watchpost/firmware-sim/client"
)

// Config is one pillar.
type Config struct {
	ID       string
	Password string
	Broker   string        // mqtt://host:port; empty: not yet known
	Dir      string        // its flash memory
	Resend   time.Duration // how long an unanswered press waits; 0: 3 s
}

const (
	resendDefault  = 3 * time.Second
	answersMax     = 10000 // remembered answers, oldest dropped
	retryFirst     = 200 * time.Millisecond
	retryMax       = 2 * time.Second
	statusInterval = 60 * time.Second // between reports of battery and signal
)

// ErrOff is the answer to a press on a pillar that is switched off.
var ErrOff = errors.New("the pillar is off: start it first")

// Kinds lists what can be pressed.
func Kinds() []string { return []string{"alarm", "duress", "test", "talk", "tamper"} }

// Stamp is a time as it is written on the wire: RFC 3339, UTC, milliseconds.
type Stamp struct{ time.Time }

// MarshalJSON writes all three digits of the milliseconds.
func (s Stamp) MarshalJSON() ([]byte, error) {
	return json.Marshal(s.UTC().Format("2006-01-02T15:04:05.000Z"))
}

// Press is one press of the button, as on the wire.
type Press struct {
	ID       string `json:"id"`
	Kind     string `json:"kind"`
	At       Stamp  `json:"at"`
	Seq      uint64 `json:"seq"`
	Replayed bool   `json:"replayed"`
}

// Answer is what the box said to one press.
type Answer struct {
	Result    string  `json:"result"` // the first answer's
	Reason    string  `json:"reason,omitempty"`
	Incident  string  `json:"incident,omitempty"`
	At        Stamp   `json:"at"`         // when it came here
	LatencyMS float64 `json:"latency_ms"` // from the press to it
	Answers   int     `json:"answers"`    // how many came in all
}

// State is what the pillar is doing.
type State struct {
	Running     bool              `json:"running"`
	Broker      string            `json:"broker"`
	Connected   bool              `json:"connected"`
	Error       string            `json:"error,omitempty"` // of the last attempt to connect
	Seq         uint64            `json:"seq"`
	Pending     []Press           `json:"pending"`
	Published   uint64            `json:"published"` // presses sent, resends too
	Answers     map[string]Answer `json:"acks"`
	UnknownAcks uint64            `json:"unknown_acks"` // about no press of ours, or not readable
	Command     *Command          `json:"command"`      // the last one
}

// Command is what the box asked the pillar to show or say.
type Command struct {
	Light string `json:"light,omitempty"`
	Say   string `json:"say,omitempty"`
	At    Stamp  `json:"at"` // when it came here
}

// Pillar is a device that can be switched on and off.
type Pillar struct {
	conf  Config
	log   *slog.Logger
	flash *flash
	wake  chan struct{} // the broker changed, or a press is new

	mu      sync.Mutex
	state   State
	pending []*pending // by seq
	order   []string   // ids of state.Answers, oldest first
}

type pending struct {
	Press
	sent int       // since the pillar was switched on; a reloaded press counts as sent
	last time.Time // of the last sending
}

// New is a pillar that is off. It reads what its flash memory holds.
func New(conf Config, log *slog.Logger) (*Pillar, error) {
	if conf.Resend == 0 {
		conf.Resend = resendDefault
	}
	p := &Pillar{conf: conf, log: log.With("pillar", conf.ID), flash: &flash{dir: conf.Dir}, wake: make(chan struct{}, 1)}
	p.state.Broker, p.state.Answers = conf.Broker, map[string]Answer{}
	if err := p.load(); err != nil {
		return nil, fmt.Errorf("open pillar %s: %w", conf.ID, err)
	}
	return p, nil
}

func (p *Pillar) load() error {
	presses, seq, err := p.flash.load()
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending = nil
	for _, press := range presses {
		p.pending = append(p.pending, &pending{Press: press, sent: 1})
	}
	p.state.Seq = seq
	return nil
}

// Open switches the pillar on. Run must follow.
func (p *Pillar) Open() error {
	if err := p.load(); err != nil {
		return fmt.Errorf("open pillar %s: %w", p.conf.ID, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.Running, p.state.Error = true, ""
	return nil
}

// Press pushes the button. It returns once the press cannot be lost any more;
// whether the box has it, the acks in State tell.
func (p *Pillar) Press(kind string) (Press, error) {
	if !slices.Contains(Kinds(), kind) {
		return Press{}, fmt.Errorf("press pillar %s: kind %q: want one of %v", p.conf.ID, kind, Kinds())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.state.Running {
		return Press{}, fmt.Errorf("press pillar %s: %w", p.conf.ID, ErrOff)
	}
	press := Press{ID: ulid.Make().String(), Kind: kind, At: stamp(time.Now()), Seq: p.state.Seq + 1}
	if err := p.flash.store(press); err != nil {
		return Press{}, fmt.Errorf("press pillar %s: %w", p.conf.ID, err)
	}
	p.state.Seq = press.Seq
	p.pending = append(p.pending, &pending{Press: press})
	p.poke()
	return press, nil
}

// SetBroker makes the pillar leave its broker for another one.
func (p *Pillar) SetBroker(url string) error {
	if err := client.CheckBroker(url); err != nil {
		return fmt.Errorf("set broker of pillar %s: %w", p.conf.ID, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.Broker = url
	p.poke()
	return nil
}

// State is a copy of what the pillar is doing.
func (p *Pillar) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.state
	s.Pending = make([]Press, 0, len(p.pending))
	for _, w := range p.pending {
		press := w.Press
		press.Replayed = w.sent > 0
		s.Pending = append(s.Pending, press)
	}
	s.Answers = make(map[string]Answer, len(p.state.Answers))
	for id, a := range p.state.Answers {
		s.Answers[id] = a
	}
	if p.state.Command != nil {
		c := *p.state.Command
		s.Command = &c
	}
	return s
}

// Broker is the address the pillar connects to; empty while none is known.
func (p *Pillar) Broker() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state.Broker
}

func (p *Pillar) poke() {
	select {
	case p.wake <- struct{}{}:
	default: // a wake-up is already on its way
	}
}

// answered takes an ack in.
func (p *Pillar) answered(payload []byte) {
	var ack struct {
		ID       string `json:"id"`
		Result   string `json:"result"`
		Reason   string `json:"reason"`
		Incident string `json:"incident"`
	}
	err := json.Unmarshal(payload, &ack)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil || !slices.Contains([]string{"stored", "duplicate", "rejected"}, ack.Result) {
		p.state.UnknownAcks++
		return
	}
	if a, ok := p.state.Answers[ack.ID]; ok {
		a.Answers++
		p.state.Answers[ack.ID] = a
		return
	}
	i := slices.IndexFunc(p.pending, func(w *pending) bool { return w.ID == ack.ID })
	if i < 0 {
		p.state.UnknownAcks++
		return
	}
	if err := p.flash.remove(p.pending[i].Press); err != nil {
		p.log.Error("keep asking about an answered press", "press", ack.ID, "err", err)
		return
	}
	now := time.Now()
	p.remember(ack.ID, Answer{
		Result: ack.Result, Reason: ack.Reason, Incident: ack.Incident, At: stamp(now),
		LatencyMS: float64(now.Sub(p.pending[i].At.Time).Microseconds()) / 1000, Answers: 1,
	})
	p.pending = slices.Delete(p.pending, i, i+1)
}

func (p *Pillar) remember(id string, a Answer) {
	p.state.Answers[id] = a
	p.order = append(p.order, id)
	if len(p.order) > answersMax {
		delete(p.state.Answers, p.order[0])
		p.order = p.order[1:]
	}
}

func (p *Pillar) commanded(payload []byte) {
	c := Command{At: stamp(time.Now())}
	if err := json.Unmarshal(payload, &c); err != nil {
		p.log.Warn("ignored a command that is not JSON", "err", err)
		return
	}
	c.At = stamp(time.Now())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.Command = &c
}

// due lists what is to be sent now, in order: what was never sent, and what
// has waited too long (everything, after a reconnect).
func (p *Pillar) due(all bool) []Press {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Press
	for _, w := range p.pending {
		if all || w.sent == 0 || time.Since(w.last) >= p.conf.Resend {
			press := w.Press
			press.Replayed = w.sent > 0
			out = append(out, press)
		}
	}
	return out
}

func (p *Pillar) sent(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.Published++
	for _, w := range p.pending {
		if w.ID == id {
			w.sent, w.last = w.sent+1, time.Now()
		}
	}
}

// Run keeps the pillar connected until ctx ends. With fault.ErrKilled as its
// cause, the connection is reset without a word.
func (p *Pillar) Run(ctx context.Context) error {
	wait := retryFirst
	for ctx.Err() == nil {
		broker := p.Broker()
		err := errNoBroker
		if broker != "" {
			err = p.session(ctx, broker)
		}
		p.connected(false, err)
		if errors.Is(err, errMoved) || err == nil {
			wait = retryFirst
			continue
		}
		if errors.Is(err, errLost) {
			wait = retryFirst
		}
		select {
		case <-ctx.Done():
		case <-p.wake: // another broker, or a press: try at once
		case <-time.After(wait):
		}
		wait = min(2*wait, retryMax)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.Running = false
	return nil
}

func (p *Pillar) connected(yes bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.Connected, p.state.Error = yes, ""
	if err != nil && !errors.Is(err, errMoved) {
		p.state.Error = err.Error()
	}
}

func stamp(t time.Time) Stamp { return Stamp{t.UTC().Truncate(time.Millisecond)} }
