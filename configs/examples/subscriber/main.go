// Command subscriber is a small headquarters: it takes a Watchpost box's
// events over MQTT, keeps them in a file, checks hashes and chain, asks for
// what it misses, and sends receipts. It follows the receiving rules of
// Watchpost's contracts and uses nothing of Watchpost's code.
//
//	subscriber -broker hq.example:1883 -station jingdong -box a -store events.log
//	subscriber -store events.log -check
//
// Its receipts promise that an event is on its disk: they are sent after the
// sync. So the box may forget, and this program may be killed, at any moment.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

const (
	batchMax = 500              // messages a sync; the box has at most as many on their way
	askAgain = 10 * time.Second // without progress, after which a gap is asked for again
)

type flags struct {
	broker, station, box, store, username, passwordFile string
	check                                               bool
}

func main() {
	var f flags
	flag.StringVar(&f.broker, "broker", "", "host:port, or mqtts://host:port")
	flag.StringVar(&f.station, "station", "", "the station's id")
	flag.StringVar(&f.box, "box", "a", "the box's id")
	flag.StringVar(&f.store, "store", "", "file that keeps the events")
	flag.StringVar(&f.username, "username", "", "at the broker")
	flag.StringVar(&f.passwordFile, "password-file", "", "its first line")
	flag.BoolVar(&f.check, "check", false, "check what is stored, and end")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, f); err != nil {
		fmt.Fprintln(os.Stderr, "subscriber:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, f flags) error {
	ledger, err := openLedger(f.store)
	if err != nil {
		return err
	}
	defer ledger.close()
	if f.check {
		for key, c := range ledger.chains {
			fmt.Println(key.epoch, key.lane, c.last, c.hash, c.count)
		}
		return nil
	}
	if f.broker == "" || f.station == "" {
		return errors.New("-broker and -station are needed")
	}
	s := &subscriber{
		ledger: ledger, inbox: make(chan paho.Message, batchMax), asked: map[chainKey]asked{},
		root: "watchpost/" + f.station + "/" + f.box + "/", source: "/stations/" + f.station + "/boxes/" + f.box,
	}
	if err := s.connect(ctx, f); err != nil {
		return err
	}
	defer s.goodbye()
	for {
		select {
		case <-ctx.Done():
			return nil
		case first := <-s.inbox:
			if err := s.round(first); err != nil {
				return err
			}
		}
	}
}

// subscriber is one box's headquarters.
type subscriber struct {
	ledger       *ledger
	client       paho.Client
	inbox        chan paho.Message
	root, source string
	asked        map[chainKey]asked
	receipts     []receipt // sent after the sync
}

// asked is a gap that was asked for.
type asked struct {
	progress time.Time
	to       uint64
}

type receipt struct {
	ID      string `json:"id,omitempty"`
	Epoch   string `json:"epoch,omitempty"`
	Lane    string `json:"lane,omitempty"`
	Through uint64 `json:"through,omitempty"`
	Result  string `json:"result"`
	Reason  string `json:"reason,omitempty"`
	By      string `json:"by,omitempty"`
}

func (s *subscriber) connect(ctx context.Context, f flags) error {
	broker := f.broker
	if !strings.Contains(broker, "://") {
		broker = "mqtt://" + broker
	}
	presence := s.root + "down/presence"
	options := paho.NewClientOptions().AddBroker(broker).SetClientID("hq-"+f.station+"-"+f.box).
		SetCleanSession(true). // the box keeps everything until its receipt
		SetConnectRetry(true).SetConnectRetryInterval(time.Second).SetMaxReconnectInterval(10*time.Second).
		SetKeepAlive(15*time.Second).SetWill(presence, `{"listening":false}`, 1, true).
		SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
			select {
			case s.inbox <- m:
			case <-ctx.Done():
			}
		}).
		SetOnConnectHandler(func(c paho.Client) {
			token := c.Subscribe(s.root+"up/#", 1, nil)
			go func() {
				// The box sends only while somebody listens: said once the
				// subscription stands.
				if token.Wait() && token.Error() == nil {
					c.Publish(presence, 1, true, `{"listening":true}`)
				}
			}()
		})
	if f.username != "" {
		text, err := os.ReadFile(f.passwordFile)
		if err != nil {
			return err
		}
		password, _, _ := strings.Cut(string(text), "\n")
		options.SetUsername(f.username).SetPassword(password)
	}
	s.client = paho.NewClient(options)
	s.client.Connect() // goes on trying
	return nil
}

func (s *subscriber) goodbye() {
	s.client.Publish(s.root+"down/presence", 1, true, `{"listening":false}`).WaitTimeout(time.Second)
	s.client.Disconnect(250)
}

// round takes all that has come, syncs once, and sends its receipts.
func (s *subscriber) round(first paho.Message) error {
	s.receive(first)
	for n := 1; n < batchMax; n++ {
		select {
		case m := <-s.inbox:
			s.receive(m)
			continue
		default:
		}
		break
	}
	if err := s.ledger.sync(); err != nil {
		return err
	}
	for i, r := range s.receipts {
		if r.Through > 0 && i+1 < len(s.receipts) && s.receipts[i+1].Through > 0 && s.receipts[i+1].Lane == r.Lane && s.receipts[i+1].Epoch == r.Epoch {
			continue // the next says more
		}
		s.down("receipt", r)
	}
	s.receipts = s.receipts[:0]
	return nil
}

func (s *subscriber) down(leaf string, body any) {
	payload, err := json.Marshal(body)
	if err != nil {
		panic(err) // our own types
	}
	s.client.Publish(s.root+"down/"+leaf, 1, false, payload)
}

// receive takes one message from up/{lane}, up/now or up/replay/{lane}.
func (s *subscriber) receive(m paho.Message) {
	way := strings.Split(strings.TrimPrefix(m.Topic(), s.root+"up/"), "/")
	e, err := decode(m.Payload())
	switch {
	case err != nil:
		fmt.Println("unreadable", m.Topic(), err)
	case e.Source != s.source:
		fmt.Println("foreign", e.Source)
	case !e.dataFits():
		s.reject(e, "data is not what was hashed")
	case way[0] == "now":
		// Shown at once, kept; it never moves the chain: its copy in the lane does.
		s.ledger.keep("now", e)
		s.receipts = append(s.receipts, receipt{ID: e.ID, Result: "received"})
		fmt.Println("now", e.Severity, e.Type, e.Subject)
	default:
		s.lane(way[len(way)-1], e)
	}
}

func (s *subscriber) lane(lane string, e *event) {
	key := chainKey{e.Epoch, lane}
	if gone, ok := e.retired(lane); ok && s.ledger.retire(key, gone, e) {
		fmt.Println("retired", lane, gone.From, gone.To)
	}
	if e.Lane == lane {
		c := s.ledger.chain(key)
		switch {
		case e.number <= c.last:
			if had, known := c.hashes[e.number]; known && had != e.hash {
				s.reject(e, "differs from the event of this number that came before")
				return
			}
			if c.complete(e) {
				s.ledger.keep("complete", e)
				fmt.Println("completed", lane, e.number, e.Type)
			}
		case e.number > c.last+1:
			s.ask(key, c.last, e.number)
			return
		case e.PrevHash != c.hash:
			s.reject(e, "does not continue the chain")
			return
		default:
			s.ledger.take(key, e)
			if a, waiting := s.asked[key]; waiting {
				s.asked[key] = asked{time.Now(), a.to}
			}
			fmt.Println("took", lane, e.number, e.Severity, e.Type, e.Subject)
		}
	}
	if through := s.ledger.chain(key).last; through > 0 {
		s.receipts = append(s.receipts, receipt{Epoch: e.Epoch, Lane: lane, Through: through, Result: "received"})
	}
}

// ask asks for everything after last again, what has just come included.
func (s *subscriber) ask(key chainKey, last, number uint64) {
	if a := s.asked[key]; last < a.to && time.Since(a.progress) < askAgain {
		return // it is on its way
	}
	s.asked[key] = asked{time.Now(), number}
	fmt.Println("gap", key.lane, last+1, number)
	s.down("replay", map[string]any{
		"request": fmt.Sprintf("go-%d", time.Now().UnixNano()), "epoch": key.epoch, "lane": key.lane, "from": last + 1, "to": number,
	})
}

func (s *subscriber) reject(e *event, reason string) {
	fmt.Println("broken", e.Lane, e.Sequence, reason)
	s.receipts = append(s.receipts, receipt{ID: e.ID, Epoch: e.Epoch, Lane: e.Lane, Result: "rejected", Reason: reason, By: "subscriber"})
}
