package hq

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/oklog/ulid/v2"

	"github.com/watchpost-edge/watchpost/firmware-sim/client"
)

const (
	batchMax = 512             // messages that share one sync of the ledger
	askAgain = 3 * time.Second // for a range that did not come

	subscribeAttempts = 5
	subscribeRefused  = 0x80 // in a SUBACK (MQTT 3.1.1, section 3.9.3)
)

// message is one that came up.
type message struct {
	topic    string
	payload  []byte
	received string
}

// session is headquarters while it is on.
type session struct {
	hq     *HQ
	client mqtt.Client
	ledger *ledger
	clips  *clips
	inbox  chan message
	ended  chan struct{} // closed when nobody reads inbox any more

	away atomic.Bool // messages are for nobody

	attending client.Works

	// the worker's own
	books *books
	asked map[laneKey]time.Time // when a replay was last asked for
}

func (h *HQ) topic(leaf string) string {
	return "watchpost/" + h.conf.Station + "/" + h.conf.Box + "/" + leaf
}

// connect subscribes to what the box sends, as a client of our own broker:
// so presence has a Will, as it has at a real headquarters.
func (s *session) connect(password string) error {
	opts := mqtt.NewClientOptions().
		AddBroker("mqtt://"+s.hq.mqtt.Addr()).
		SetClientID("hq-"+s.hq.conf.Name).SetUsername(ownAccount).SetPassword(password).
		SetProtocolVersion(4).
		SetCleanSession(true).
		SetOrderMatters(true).
		SetConnectTimeout(client.AnswerWithin).
		SetWriteTimeout(client.AnswerWithin).
		SetMaxReconnectInterval(time.Second).
		SetKeepAlive(10*time.Second).
		SetBinaryWill(s.hq.topic("down/presence"), []byte(`{"listening":false}`), 1, true).
		SetDefaultPublishHandler(s.receive).
		SetOnConnectHandler(func(mqtt.Client) { s.attend() })
	s.client = mqtt.NewClient(opts)
	return client.Wait(s.client.Connect(), client.AnswerWithin)
}

// attend runs at every connect: subscribe, then say that we listen, then
// repeat how far we got, since receipts may have been lost meanwhile.
func (s *session) attend() {
	if !s.attending.Begin() {
		return
	}
	s.away.Store(false)
	go func() { // a connect handler must not wait for the client it holds up
		defer s.attending.Done()
		if err := s.subscribe(); err != nil {
			s.hq.log.Error("subscribe to the box", "err", err)
			return
		}
		s.send("down/presence", true, map[string]any{"listening": true, "at": stamp(time.Now())})
		s.repeatReceipts()
		s.hq.setListening(true)
	}()
}

// subscribe tries again where the broker refuses: mochi-mqtt does so when our
// packet id happens to be that of a message it is sending us.
func (s *session) subscribe() error {
	filters := map[string]byte{}
	for _, leaf := range []string{"up/+", "up/replay/+", "state"} {
		filters[s.hq.topic(leaf)] = 1
	}
	var err error
	for range subscribeAttempts {
		token := s.client.SubscribeMultiple(filters, nil)
		if err = client.Wait(token, client.AnswerWithin); err != nil {
			return err
		}
		for topic, granted := range token.(*mqtt.SubscribeToken).Result() {
			if granted == subscribeRefused {
				err = fmt.Errorf("subscribe %s: refused", topic)
			}
		}
		if err == nil {
			return nil
		}
	}
	return err
}

// lookAway stops listening: the broker stays, but what it hands us is lost, as
// what it has for nobody is. (Unsubscribing would not be sure: mochi-mqtt may
// refuse it for the same reason, and 3.1.1 has no way to say so.)
func (s *session) lookAway() error {
	s.away.Store(true)
	s.hq.setListening(false)
	return client.Wait(s.client.Publish(s.hq.topic("down/presence"), 1, true, []byte(`{"listening":false}`)), client.AnswerWithin)
}

func (s *session) receive(_ mqtt.Client, m mqtt.Message) {
	if s.away.Load() {
		s.hq.countUnheard()
		return
	}
	select {
	case s.inbox <- message{m.Topic(), m.Payload(), stamp(time.Now())}:
	case <-s.ended:
	}
}

// work judges, writes, syncs, and only then answers. It is the only one that
// touches books and ledger.
func (s *session) work(stop <-chan struct{}) error {
	defer close(s.ended)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return nil
		case <-tick.C:
			s.askForMissing()
		case m := <-s.inbox:
			if err := s.handle(s.gather(m)); err != nil {
				return err
			}
		}
	}
}

// gather takes what waits already, so that many messages share one sync.
func (s *session) gather(first message) []message {
	batch := []message{first}
	for len(batch) < batchMax {
		select {
		case m := <-s.inbox:
			batch = append(batch, m)
		default:
			return batch
		}
	}
	return batch
}

func (s *session) handle(batch []message) error {
	var lines []line
	for _, m := range batch {
		leaf := strings.TrimPrefix(m.topic, s.hq.topic(""))
		switch {
		case leaf == "state":
			s.hq.setBoxState(m.payload)
			s.repeatReceipts()
		case leaf == "up/now":
			lines = append(lines, s.books.receive(m.payload, "", viaNow, m.received)...)
		case strings.HasPrefix(leaf, "up/replay/"):
			lines = append(lines, s.books.receive(m.payload, strings.TrimPrefix(leaf, "up/replay/"), viaReplay, m.received)...)
		case strings.HasPrefix(leaf, "up/"):
			lines = append(lines, s.books.receive(m.payload, strings.TrimPrefix(leaf, "up/"), viaLane, m.received)...)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	if err := s.ledger.append(lines); err != nil {
		return err
	}
	s.hq.count(lines, s.books)
	if s.hq.receipts() == ReceiptsAuto {
		s.answer(lines)
	}
	s.askForMissing()
	return nil
}

// answer sends what the ledger now holds: one receipt per lane for how far it
// got, one per id for what overtook its lane, and a rejection with its reason
// for each event that cannot be taken.
func (s *session) answer(lines []line) {
	lanes := map[laneKey]bool{}
	for _, l := range lines {
		switch {
		case l.Verdict == verdictBadData || l.Verdict == verdictBadHash || l.Verdict == verdictBadEvent:
			if l.ID != "" {
				s.receipt(map[string]any{"id": l.ID, "result": "rejected", "reason": l.Verdict + ": " + l.Reason})
			}
		case l.Via == viaNow:
			s.receipt(map[string]any{"id": l.ID, "result": "received"})
		}
		if l.Via != viaNow && (l.Verdict == verdictOK || l.Verdict == verdictDuplicate || l.Verdict == verdictCompleted || l.Verdict == verdictBadData || l.Verdict == verdictRetired) {
			lanes[laneKey{l.Source, l.Epoch, l.Lane}] = true
		}
	}
	for k := range lanes {
		if c := s.books.chain(k); c.last > 0 {
			s.through(k, c.last)
		}
	}
}

func (s *session) through(k laneKey, last uint64) {
	s.receipt(map[string]any{"epoch": k.epoch, "lane": k.lane, "through": last, "result": "received"})
}

func (s *session) repeatReceipts() {
	if s.hq.receipts() != ReceiptsAuto {
		return
	}
	for _, c := range s.hq.State().Chains {
		if c.Last > 0 {
			s.through(laneKey{c.Source, c.Epoch, c.Lane}, c.Last)
		}
	}
}

func (s *session) receipt(fields map[string]any) {
	out := map[string]any{"by": s.hq.conf.Name, "at": stamp(time.Now()), "reason": ""}
	maps.Copy(out, fields)
	s.send("down/receipt", false, out)
	s.hq.countReceipt()
}

// askForMissing asks for the first hole of every lane, again and again until
// it is filled.
func (s *session) askForMissing() {
	for _, k := range slices.Collect(maps.Keys(s.books.chains)) {
		from, to, ok := s.books.chains[k].missing()
		if !ok || time.Since(s.asked[k]) < askAgain {
			continue
		}
		s.asked[k] = time.Now()
		s.send("down/replay", false, map[string]any{"request": ulid.Make().String(), "epoch": k.epoch, "lane": k.lane, "from": from, "to": to})
		s.hq.countReplay()
	}
}

// send publishes without waiting: whoever needs an answer repeats the question.
func (s *session) send(leaf string, retained bool, fields map[string]any) {
	payload, err := json.Marshal(fields)
	if err != nil {
		s.hq.log.Error("encode message", "topic", leaf, "err", err)
		return
	}
	s.client.Publish(s.hq.topic(leaf), 1, retained, payload)
}

// leave says goodbye; a killed headquarters does not get to that.
func (s *session) leave(killed bool) {
	if !killed {
		token := s.client.Publish(s.hq.topic("down/presence"), 1, true, []byte(`{"listening":false}`))
		if err := client.Wait(token, client.AnswerWithin); err != nil {
			s.hq.log.Info("left without a word", "err", err)
		}
	}
	s.client.Disconnect(client.GoodbyeMS)
}
