// Package partner owns simulated partners: another authority's program on an
// MQTT broker that takes work orders and answers them, as contracts.md says:
// orders come on partner/{id}/orders, replies go to partner/{id}/reply.
//
// It accepts an order after a while and reports it done after another one; or
// it hands every order back. The same message that comes again is answered
// once. What it has not answered when it is stopped or killed it forgets: a
// partner that does not answer is somebody's to call. Run returns when its
// goroutines have ended.
package partner

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/watchpost-edge/watchpost/firmware-sim/client"
)

const ordersMax = 1000

// Config is one partner.
type Config struct {
	ID          string // login, and the middle of its topics
	Password    string
	Broker      string // mqtt://host:port; empty: not yet known
	AcceptAfter time.Duration
	DoneAfter   time.Duration // from accepting
	Refuses     bool          // hands every order back
}

// Order is one order and what was said to it.
type Order struct {
	ID      string   `json:"id"`
	Number  int      `json:"number"`
	Note    string   `json:"note"`
	News    []string `json:"news"` // issued, returned, cancelled, confirmed: in the order they came, each once
	Replies []string `json:"replies"`
}

// State is what the partner is doing.
type State struct {
	client.State
	Orders map[string]Order `json:"orders"`
	Again  int              `json:"again"` // messages that came more than once
}

// Partner is a program that can be switched on and off.
type Partner struct {
	*client.Line
	conf Config
	log  *slog.Logger

	mu    sync.Mutex
	state State
	seen  map[string]bool // ids of messages
}

// New is a partner that is off.
func New(conf Config, log *slog.Logger) *Partner {
	log = log.With("partner", conf.ID)
	return &Partner{
		Line: client.NewLine("partner "+conf.ID, conf.Broker, log), conf: conf, log: log, seen: map[string]bool{}, state: State{Orders: map[string]Order{}},
	}
}

// State is a copy of what the partner is doing.
func (p *Partner) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.state
	s.State = p.Line.Line()
	s.Orders = map[string]Order{}
	for id, order := range p.state.Orders {
		s.Orders[id] = order
	}
	return s
}

func (p *Partner) change(f func(*State)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.state)
}

// Run works until ctx ends.
func (p *Partner) Run(ctx context.Context) error {
	p.Keep(ctx, p.session)
	return nil
}

// session is one connection to the broker, from CONNECT to its end; there is
// none while no broker is known.
func (p *Partner) session(ctx context.Context, broker string) error {
	if broker == "" {
		return nil
	}
	lost := make(chan error, 1)
	conn := mqtt.NewClient(client.Options(broker, p.conf.ID, p.conf.ID, p.conf.Password, lost))
	if err := client.Wait(conn.Connect(), client.AnswerWithin); err != nil {
		return fmt.Errorf("connect to %s: %w", broker, err)
	}
	defer conn.Disconnect(client.GoodbyeMS)
	ctx, cancel := context.WithCancel(ctx)
	var work client.Works
	defer work.End()
	defer cancel()
	err := client.Wait(conn.Subscribe("partner/"+p.conf.ID+"/orders", 1, func(_ mqtt.Client, m mqtt.Message) {
		if !work.Begin() {
			return
		}
		order, isNew := p.take(m.Payload())
		if !isNew {
			work.Done()
			return
		}
		go func() {
			defer work.Done()
			p.answer(ctx, conn, order)
		}()
	}), client.AnswerWithin)
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	p.Connected()
	select {
	case <-ctx.Done():
		return nil
	case <-p.Moved():
		return nil
	case err := <-lost:
		return err
	}
}

// message is what comes, as far as the partner reads it.
type message struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	Data struct {
		Order  string `json:"order"`
		Number int    `json:"number"`
		Note   string `json:"note"`
	} `json:"data"`
}

// take remembers a message, and says whether it asks for work.
func (p *Partner) take(payload []byte) (order string, work bool) {
	var m message
	if err := json.Unmarshal(payload, &m); err != nil || m.Data.Order == "" || len(m.Type) <= len(prefix) {
		p.log.Warn("no order", "payload", string(payload[:min(len(payload), 100)]))
		return "", false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen[m.ID] || len(p.seen) >= ordersMax {
		p.state.Again++
		return "", false
	}
	p.seen[m.ID] = true
	o := p.state.Orders[m.Data.Order]
	news := m.Type[len(prefix):]
	o.ID, o.Number, o.Note, o.News = m.Data.Order, m.Data.Number, m.Data.Note, append(o.News[:len(o.News):len(o.News)], news)
	p.state.Orders[o.ID] = o
	return o.ID, news == "issued" || news == "returned"
}

const prefix = "watchpost.order."

// answer says what the partner does about an order.
func (p *Partner) answer(ctx context.Context, conn mqtt.Client, order string) {
	steps := []struct {
		after  time.Duration
		result string
		words  map[string]string
	}{{p.conf.AcceptAfter, "accepted", nil}, {p.conf.DoneAfter, "done", map[string]string{"report": "已到现场处理完毕"}}}
	if p.conf.Refuses {
		steps = steps[:1]
		steps[0].result, steps[0].words = "refused", map[string]string{"reason": "不在本单位职责范围"}
	}
	for _, s := range steps {
		select {
		case <-ctx.Done():
			return
		case <-time.After(s.after):
		}
		reply := map[string]string{"order": order, "id": fmt.Sprintf("%s-%s-%d", order, s.result, time.Now().UnixNano()), "result": s.result}
		for key, text := range s.words {
			reply[key] = text
		}
		payload, err := json.Marshal(reply)
		if err == nil {
			err = client.Wait(conn.Publish("partner/"+p.conf.ID+"/reply", 1, false, payload), client.AnswerWithin)
		}
		if err != nil {
			p.log.Warn("reply not sent", "order", order, "err", err)
			return
		}
		p.change(func(state *State) {
			o := state.Orders[order]
			o.Replies = append(o.Replies[:len(o.Replies):len(o.Replies)], s.result)
			state.Orders[order] = o
		})
	}
}
