// Package client owns what simulated MQTT clients share: the broker's address,
// a line to it that is tried again and again, and waiting for an answer. It
// knows no topic. Run returns when the session has.
package client

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

const (
	// AnswerWithin is for the broker to answer one packet.
	AnswerWithin = 15 * time.Second
	// GoodbyeMS is paho's quiet period before DISCONNECT.
	GoodbyeMS  = 250
	retryAfter = time.Second
	keepAlive  = 30 * time.Second
)

// State is what a line is doing.
type State struct {
	Running   bool   `json:"running"`
	Broker    string `json:"broker"` // mqtt://host:port; empty: not yet known
	Connected bool   `json:"connected"`
	Error     string `json:"error,omitempty"` // of the last attempt to connect
}

// Line is a client's line to a broker.
type Line struct {
	who   string
	log   *slog.Logger
	moved chan struct{} // the broker changed

	mu    sync.Mutex
	state State
}

// NewLine is a line that is off. who names the client in errors.
func NewLine(who, broker string, log *slog.Logger) *Line {
	return &Line{who: who, log: log, moved: make(chan struct{}, 1), state: State{Broker: broker}}
}

// Line is a copy of what the line is doing.
func (l *Line) Line() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// Broker is the broker's address; empty while none is known.
func (l *Line) Broker() string { return l.Line().Broker }

func (l *Line) change(f func(*State)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.state)
}

// SetBroker makes the client leave its broker for another one.
func (l *Line) SetBroker(broker string) error {
	if err := CheckBroker(broker); err != nil {
		return fmt.Errorf("set broker of %s: %w", l.who, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.Broker = broker
	select {
	case l.moved <- struct{}{}:
	default:
	}
	return nil
}

// next is the broker of the next session, which has not moved since.
func (l *Line) next() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.moved:
	default:
	}
	return l.state.Broker
}

// Moved says that the broker changed: the session is to end.
func (l *Line) Moved() <-chan struct{} { return l.moved }

// Open switches the client on. Run must follow.
func (l *Line) Open() error {
	l.change(func(s *State) { s.Running, s.Error = true, "" })
	return nil
}

// Connected says that the session stands.
func (l *Line) Connected() { l.change(func(s *State) { s.Connected, s.Error = true, "" }) }

// Keep has one session after the other until ctx ends.
func (l *Line) Keep(ctx context.Context, session func(ctx context.Context, broker string) error) {
	for ctx.Err() == nil {
		err := session(ctx, l.next())
		l.change(func(s *State) {
			s.Connected = false
			if err != nil {
				s.Error = err.Error()
			}
		})
		if err != nil {
			l.log.Info("not connected", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-l.moved:
		case <-time.After(retryAfter):
		}
	}
	l.change(func(s *State) { s.Running = false })
}

// Options are those of a client that does not reconnect by itself; lost is
// told how the connection ended and must have room.
func Options(broker, id, user, password string, lost chan<- error) *mqtt.ClientOptions {
	return mqtt.NewClientOptions().AddBroker(broker).SetClientID(id).SetUsername(user).SetPassword(password).
		SetProtocolVersion(4).SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false).SetOrderMatters(true).
		SetConnectTimeout(AnswerWithin).SetWriteTimeout(AnswerWithin).SetKeepAlive(keepAlive).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost <- err })
}

// Wait waits for the answer to a packet.
func Wait(token mqtt.Token, within time.Duration) error {
	if !token.WaitTimeout(within) {
		return fmt.Errorf("no answer within %s", within)
	}
	return token.Error()
}

// CheckBroker tells whether url is a broker's address a client can use.
func CheckBroker(broker string) error {
	u, err := url.Parse(broker)
	if err != nil {
		return err
	}
	if u.Scheme != "mqtt" && u.Scheme != "tcp" {
		return fmt.Errorf("broker %q: want mqtt://host:port", broker)
	}
	if _, _, err := net.SplitHostPort(u.Host); err != nil {
		return fmt.Errorf("broker %q: want mqtt://host:port: %w", broker, err)
	}
	return nil
}
