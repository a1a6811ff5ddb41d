// Package hq owns a simulated headquarters: an MQTT broker, a subscriber that
// keeps a ledger of every event it got from one station's box, and a receiver
// for clips over tus.
//
// It follows contracts.md ("Uplinks", "Receiving") and journal.md ("Hash"),
// written here a second time: sequence, prevhash, each event's own hash and
// its data are checked, copies on now never move a lane, holes are asked for
// again, and a receipt leaves only after the line of the ledger is synced.
// What it cannot take it rejects with the reason.
//
// Stopped, its broker and receiver refuse connections and keep their
// addresses; ledger, clips and unfinished uploads stay. A ledger it cannot
// write ends Run with an error: it never answers for what it does not hold.
package hq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	broker "github.com/mochi-mqtt/server/v2"
	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"github.com/watchpost-edge/watchpost/firmware-sim/client"
	"github.com/watchpost-edge/watchpost/firmware-sim/fault"
)

// Modes of answering events.
const (
	ReceiptsAuto = "auto" // each event, as soon as the ledger has it
	ReceiptsOff  = "off"  // none: the box must keep everything
)

// ErrOff is the answer to an order for a headquarters that is switched off.
var ErrOff = errors.New("headquarters is off: start it first")

const (
	ownAccount = "headquarters" // of our subscriber at our broker
	ledgerFile = "ledger.jsonl"
	inboxMax   = 1024
)

// Config is one headquarters for one station's box.
type Config struct {
	Name         string
	Station, Box string
	Dir          string
	MQTT         string // host:port to listen on
	TUS          string // host:port to listen on
	Username     string // of the box; empty: no login is asked
	Password     string
	Receipts     string
}

// State is what headquarters is doing and has.
type State struct {
	Running   bool            `json:"running"`
	Listening bool            `json:"listening"` // subscribed, and said so
	MQTT      string          `json:"mqtt"`
	TUS       string          `json:"tus"`
	Receipts  string          `json:"receipts"` // the mode
	Sent      uint64          `json:"receipts_sent"`
	Replays   uint64          `json:"replays_asked"`
	Unheard   uint64          `json:"unheard"`  // messages that came while nobody listened
	Verdicts  map[string]int  `json:"verdicts"` // lines of the ledger by verdict
	Chains    []ChainState    `json:"chains"`
	Box       json.RawMessage `json:"box,omitempty"` // its last state message
}

// ChainState is how far one lane of one epoch got.
type ChainState struct {
	Source  string `json:"source"`
	Epoch   string `json:"epoch"`
	Lane    string `json:"lane"`
	Last    uint64 `json:"last"`
	Highest uint64 `json:"highest"` // seen, be it behind a hole
	Aside   int    `json:"aside"`   // waiting behind a hole
}

// HQ is a headquarters that can be switched on and off.
type HQ struct {
	conf Config
	log  *slog.Logger
	mqtt *fault.Port // both reserved at the first Open, then kept
	tus  *fault.Port

	broker  *broker.Server // both between Open and the end of Run
	session *session

	noting sync.Mutex // over the file of orders

	mu    sync.Mutex
	state State
}

// New is a headquarters that is off.
func New(conf Config, log *slog.Logger) *HQ {
	h := &HQ{conf: conf, log: log.With("hq", conf.Name)}
	h.state = State{Receipts: conf.Receipts, Verdicts: map[string]int{}}
	return h
}

// Reserve takes both addresses; Open does it where it was not done.
func (h *HQ) Reserve() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, want := range []struct {
		addr string
		port **fault.Port
	}{{h.conf.MQTT, &h.mqtt}, {h.conf.TUS, &h.tus}} {
		if *want.port != nil {
			continue
		}
		port, err := fault.NewPort(want.addr)
		if err != nil {
			return fmt.Errorf("open hq %s: %w", h.conf.Name, err)
		}
		*want.port = port
	}
	h.state.MQTT, h.state.TUS = "mqtt://"+h.mqtt.Addr(), "http://"+h.tus.Addr()+filesPath
	return nil
}

// Open reads the ledger, starts broker and receiver, and listens. Run must
// follow.
func (h *HQ) Open() (err error) {
	if err := h.Reserve(); err != nil {
		return err
	}
	s := &session{
		hq: h, books: newBooks("/stations/" + h.conf.Station + "/boxes/" + h.conf.Box), asked: map[laneKey]time.Time{},
		inbox: make(chan message, inboxMax), ended: make(chan struct{}),
	}
	var undo []func()
	defer func() {
		if err != nil {
			err = fmt.Errorf("open hq %s: %w", h.conf.Name, err)
			for _, f := range slices.Backward(undo) {
				f()
			}
		}
	}()
	verdicts := map[string]int{}
	s.ledger, err = openLedger(h.LedgerPath(), func(l line) error {
		verdicts[l.Verdict]++
		return s.books.restore(l)
	})
	if err != nil {
		return err
	}
	undo = append(undo, func() { _ = s.ledger.close() })
	h.mu.Lock()
	h.state.Verdicts, h.state.Chains, h.state.Box = verdicts, chainStates(s.books), nil
	h.mu.Unlock()

	password := ulid.Make().String()
	h.broker, err = startBroker(h.mqtt, map[string]string{h.conf.Username: h.conf.Password, ownAccount: password})
	if err != nil {
		return err
	}
	undo = append(undo, func() { _ = h.broker.Close() })
	if s.clips, err = openClips(h.conf.Dir, h.tus, h.log); err != nil {
		return err
	}
	undo = append(undo, func() { _ = s.clips.close(context.Background(), true) })
	h.session = s
	if err := s.connect(password); err != nil {
		return fmt.Errorf("connect to our own broker: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state.Running = true
	return nil
}

// Run listens until ctx ends. With fault.ErrKilled as its cause, connections
// are reset without a word; otherwise presence is taken back first.
func (h *HQ) Run(ctx context.Context) error {
	g, running := errgroup.WithContext(ctx)
	s := h.session
	stop := make(chan struct{})
	g.Go(func() error { return s.work(stop) })
	g.Go(func() error {
		<-running.Done()
		killed := errors.Is(context.Cause(ctx), fault.ErrKilled)
		if killed {
			h.mqtt.Kill()
			h.tus.Kill()
		}
		close(stop)
		<-s.ended // paho holds up whoever publishes while it disconnects
		s.leave(killed)
		s.attending.End()
		return errors.Join(s.clips.close(ctx, killed), h.broker.Close(), s.ledger.close())
	})
	err := g.Wait()
	h.mu.Lock()
	h.state.Running, h.state.Listening = false, false
	h.mu.Unlock()
	if err != nil {
		return fmt.Errorf("run hq %s: %w", h.conf.Name, err)
	}
	return nil
}

// LedgerPath is the ledger's file: JSON lines.
func (h *HQ) LedgerPath() string { return filepath.Join(h.conf.Dir, ledgerFile) }

// Ledger is a JSON array of the ledger's lines, without the first after ones.
func (h *HQ) Ledger(after int) ([]byte, error) { return readLines(h.LedgerPath(), after) }

// Clips is a JSON array of the finished uploads.
func (h *HQ) Clips() ([]byte, error) { return readLines(filepath.Join(h.conf.Dir, clipsFile), 0) }

// SetReceipts changes the mode of answering.
func (h *HQ) SetReceipts(mode string) error {
	if mode != ReceiptsAuto && mode != ReceiptsOff {
		return fmt.Errorf("set receipts of hq %s: %q: want auto or off", h.conf.Name, mode)
	}
	h.mu.Lock()
	h.state.Receipts = mode
	s, on := h.session, h.state.Running
	h.mu.Unlock()
	if on {
		s.repeatReceipts()
	}
	return nil
}

// Listen makes headquarters look away while its broker goes on, or look again.
func (h *HQ) Listen(on bool) error {
	h.mu.Lock()
	s, running := h.session, h.state.Running
	h.mu.Unlock()
	if !running {
		return fmt.Errorf("listen at hq %s: %w", h.conf.Name, ErrOff)
	}
	if on {
		s.attend()
		return nil
	}
	if err := s.lookAway(); err != nil {
		return fmt.Errorf("look away at hq %s: %w", h.conf.Name, err)
	}
	return nil
}

// Order sends fields down to the box on a topic below down/ (incident, task,
// receipt, replay), with an id where it has none, and waits for our broker.
func (h *HQ) Order(leaf string, fields map[string]any) (map[string]any, error) {
	h.mu.Lock()
	s, on := h.session, h.state.Running
	h.mu.Unlock()
	if !on {
		return nil, fmt.Errorf("send %s from hq %s: %w", leaf, h.conf.Name, ErrOff)
	}
	payload, err := json.Marshal(fields)
	if err == nil && (leaf == "task" || leaf == "incident") {
		err = h.noteOrder(leaf, payload)
	}
	if err == nil {
		err = client.Wait(s.client.Publish(h.topic("down/"+leaf), 1, false, payload), client.AnswerWithin)
	}
	if err != nil {
		return nil, fmt.Errorf("send %s from hq %s: %w", leaf, h.conf.Name, err)
	}
	return fields, nil
}

// State is a copy of what headquarters is doing and has.
func (h *HQ) State() State {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.state
	s.Chains = slices.Clone(s.Chains)
	s.Verdicts = make(map[string]int, len(h.state.Verdicts))
	for verdict, n := range h.state.Verdicts {
		s.Verdicts[verdict] = n
	}
	return s
}

func (h *HQ) count(lines []line, b *books) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range lines {
		h.state.Verdicts[l.Verdict]++
	}
	h.state.Chains = chainStates(b)
}

func chainStates(b *books) []ChainState {
	out := make([]ChainState, 0, len(b.chains))
	for k, c := range b.chains {
		out = append(out, ChainState{k.source, k.epoch, k.lane, c.last, c.highest, len(c.aside)})
	}
	slices.SortFunc(out, func(a, b ChainState) int { return strings.Compare(a.Epoch+a.Lane, b.Epoch+b.Lane) })
	return out
}

func (h *HQ) countReceipt()       { h.mu.Lock(); h.state.Sent++; h.mu.Unlock() }
func (h *HQ) countUnheard()       { h.mu.Lock(); h.state.Unheard++; h.mu.Unlock() }
func (h *HQ) countReplay()        { h.mu.Lock(); h.state.Replays++; h.mu.Unlock() }
func (h *HQ) setListening(y bool) { h.mu.Lock(); h.state.Listening = y; h.mu.Unlock() }

func (h *HQ) receipts() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state.Receipts
}

func (h *HQ) setBoxState(payload []byte) {
	if !json.Valid(payload) {
		h.log.Warn("ignored a state that is not JSON")
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state.Box = payload
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
