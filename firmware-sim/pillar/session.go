package pillar

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/watchpost-edge/watchpost/firmware-sim/client"
	"github.com/watchpost-edge/watchpost/firmware-sim/fault"
)

var (
	errNoBroker = errors.New("no broker is known yet")
	errMoved    = errors.New("the broker's address changed")
	errLost     = errors.New("connection lost")
)

const (
	keepAlive = 10 * time.Second

	// subscribeRefused in a SUBACK (MQTT 3.1.1, section 3.9.3). The broker of
	// mochi-mqtt says so also when our packet id happens to be that of a
	// message it is sending us: the next attempt succeeds.
	subscribeRefused = 0x80
)

// session is one connection to the broker, from CONNECT to its end.
type session struct {
	pillar *Pillar
	client mqtt.Client
	lost   chan error
	conn   net.Conn    // set by paho's dialer before Connect returns
	calm   func() bool // from then on the end of ctx no longer breaks conn
}

func (p *Pillar) session(ctx context.Context, broker string) error {
	s := &session{pillar: p, lost: make(chan error, 1)}
	s.client = mqtt.NewClient(s.options(ctx, broker))
	if err := client.Wait(s.client.Connect(), 2*client.AnswerWithin); err != nil {
		s.client.Disconnect(client.GoodbyeMS)
		return fmt.Errorf("connect to %s: %w", broker, err)
	}
	s.calm()
	p.connected(true, nil)
	err := s.run(ctx, broker)
	s.end(ctx, err)
	return err
}

func (s *session) topic(leaf string) string { return "pillar/" + s.pillar.conf.ID + "/" + leaf }

func (s *session) options(ctx context.Context, broker string) *mqtt.ClientOptions {
	return mqtt.NewClientOptions().
		AddBroker(broker).
		SetClientID(s.pillar.conf.ID).
		SetUsername(s.pillar.conf.ID).
		SetPassword(s.pillar.conf.Password).
		SetProtocolVersion(4).
		SetCleanSession(false). // acks and commands sent meanwhile still come
		SetAutoReconnect(false).
		SetConnectRetry(false).
		SetConnectTimeout(client.AnswerWithin).
		SetWriteTimeout(client.AnswerWithin).
		SetKeepAlive(keepAlive).
		SetOrderMatters(true).
		SetBinaryWill(s.topic("status"), []byte(`{"online":false}`), 1, true).
		SetDefaultPublishHandler(s.receive).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) { s.lost <- err }).
		SetCustomOpenConnectionFn(func(u *url.URL, o mqtt.ClientOptions) (net.Conn, error) {
			conn, err := (&net.Dialer{Timeout: o.ConnectTimeout}).DialContext(ctx, "tcp", u.Host)
			if err != nil {
				return nil, err
			}
			s.conn, s.calm = conn, context.AfterFunc(ctx, func() { _ = conn.Close() })
			return conn, nil
		})
}

func (s *session) receive(_ mqtt.Client, m mqtt.Message) {
	switch {
	case strings.HasSuffix(m.Topic(), "/ack"):
		s.pillar.answered(m.Payload())
	case strings.HasSuffix(m.Topic(), "/command"):
		s.pillar.commanded(m.Payload())
	}
}

func (s *session) run(ctx context.Context, broker string) error {
	if err := s.subscribe(); err != nil {
		return err
	}
	if err := s.status(true); err != nil {
		return err
	}
	look := time.NewTicker(s.pillar.conf.Resend / 6)
	defer look.Stop()
	status := time.NewTicker(statusInterval)
	defer status.Stop()
	if err := s.send(s.pillar.due(true)); err != nil {
		return err
	}
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.lost:
			return fmt.Errorf("%w: %w", errLost, err)
		case <-status.C:
			err = s.status(true)
		case <-look.C:
			err = s.send(s.pillar.due(false))
		case <-s.pillar.wake:
			if s.pillar.Broker() != broker {
				return errMoved
			}
			err = s.send(s.pillar.due(false))
		}
		if err != nil {
			return err
		}
	}
}

func (s *session) subscribe() error {
	token := s.client.SubscribeMultiple(map[string]byte{s.topic("ack"): 1, s.topic("command"): 1}, nil)
	if err := client.Wait(token, 2*client.AnswerWithin); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	for topic, granted := range token.(*mqtt.SubscribeToken).Result() {
		if granted == subscribeRefused {
			return fmt.Errorf("subscribe %s: refused by the broker", topic)
		}
	}
	return nil
}

// send publishes presses in order. It does not wait for a PUBACK, which
// promises nothing: a press that got lost is sent again.
func (s *session) send(presses []Press) error {
	for _, press := range presses {
		payload, err := json.Marshal(press)
		if err != nil {
			return err
		}
		token := s.client.Publish(s.topic("press"), 1, false, payload)
		select {
		case <-token.Done():
			if err := token.Error(); err != nil {
				return fmt.Errorf("%w: publish press %s: %w", errLost, press.ID, err)
			}
		default:
		}
		s.pillar.sent(press.ID)
	}
	return nil
}

// status is a report of the pillar's health, retained by the broker.
func (s *session) status(online bool) error {
	report := map[string]any{"online": online, "at": stamp(time.Now())}
	if online {
		report["battery_mv"], report["rssi_dbm"], report["firmware"], report["tampered"] = 12100, -61, "1.4.2", false
	}
	payload, err := json.Marshal(report)
	if err != nil {
		return err
	}
	if err := client.Wait(s.client.Publish(s.topic("status"), 1, true, payload), 2*client.AnswerWithin); err != nil {
		return fmt.Errorf("%w: publish status: %w", errLost, err)
	}
	return nil
}

// end closes the connection: a pillar that is switched off says so itself,
// since after DISCONNECT the broker keeps its Will to itself; a killed one
// leaves that to its Will.
func (s *session) end(ctx context.Context, err error) {
	if errors.Is(context.Cause(ctx), fault.ErrKilled) {
		if tcp, ok := s.conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a connection that is gone already needs no reset
		}
		_ = s.conn.Close()
		s.client.Disconnect(client.GoodbyeMS)
		return
	}
	if err == nil || errors.Is(err, errMoved) {
		if err := s.status(false); err != nil {
			s.pillar.log.Info("left without a word", "err", err)
		}
	}
	s.client.Disconnect(client.GoodbyeMS)
}
