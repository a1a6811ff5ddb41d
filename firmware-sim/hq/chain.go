package hq

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// Verdicts of the ledger.
const (
	verdictOK        = "ok"
	verdictDuplicate = "duplicate" // had before, with the same hash
	verdictCompleted = "completed" // had before without its data, which is there now
	verdictGap       = "gap"       // others before it are missing: kept aside until they come
	verdictRetired   = "retired"   // stands for a range that the box no longer has
	verdictBadHash   = "bad_hash"  // does not continue the chain, or differs from what came before it
	verdictBadData   = "bad_data"  // the chain goes on, but the data is not what was hashed
	verdictBadEvent  = "bad_event" // not readable as an event of this box and lane
	viaLane          = "lane"
	viaNow           = "now"
	viaReplay        = "replay"
	asideMax         = 4096 // events a lane keeps aside behind a hole; more are asked for again
	sha256TextPrefix = "sha256:"
)

// line is one entry of the ledger.
type line struct {
	ID           string  `json:"id"`
	Epoch        string  `json:"epoch"`
	Lane         string  `json:"lane"`
	Sequence     string  `json:"sequence"`
	Time         string  `json:"time"`
	RecordedTime string  `json:"recordedtime"`
	Received     string  `json:"received"`
	Via          string  `json:"via"`
	Verdict      string  `json:"verdict"`
	Reason       string  `json:"reason,omitempty"`
	Taken        bool    `json:"taken,omitempty"` // it moved its chain on
	Source       string  `json:"source"`
	Type         string  `json:"type"`
	Severity     string  `json:"severity"`
	Subject      string  `json:"subject"`
	Hash         string  `json:"hash"`
	Event        rawJSON `json:"event,omitempty"` // as it came
	Raw          string  `json:"raw,omitempty"`   // what was no JSON, cut
}

// laneKey names one chain.
type laneKey struct{ source, epoch, lane string }

// hash32 is a hash without its text: a ledger of millions fits into memory.
type hash32 [32]byte

// chain is what headquarters holds of one lane in one epoch.
type chain struct {
	last     uint64
	lastHash string
	highest  uint64            // seen, be it behind a hole
	hashes   map[uint64]hash32 // of everything taken
	empty    map[uint64]bool   // taken without data
	aside    map[uint64]aside  // behind a hole
}

// aside is an event that waits for those before it.
type aside struct {
	e    *event
	line line
}

// books are all chains of one station's box: the receiving rules of
// contracts.md, without any I/O.
type books struct {
	source string
	chains map[laneKey]*chain
	now    map[string]hash32 // by id, taken from now, their copy in the lane still to come
}

func newBooks(source string) *books {
	return &books{source: source, chains: map[laneKey]*chain{}, now: map[string]hash32{}}
}

func (b *books) chain(k laneKey) *chain {
	c, ok := b.chains[k]
	if !ok {
		c = &chain{lastHash: zeroHash, hashes: map[uint64]hash32{}, empty: map[uint64]bool{}, aside: map[uint64]aside{}}
		b.chains[k] = c
	}
	return c
}

// receive judges one message. It returns a line for it and, when it filled a
// hole, one for each event that had waited behind the hole. lane is the
// topic's; empty on now.
func (b *books) receive(payload []byte, lane, via, received string) []line {
	e, err := decodeEvent(payload)
	l := line{
		ID: e.id, Epoch: e.epoch, Lane: e.lane, Sequence: e.sequence, Time: e.time, RecordedTime: e.recorded,
		Received: received, Via: via, Source: e.source, Type: e.kind, Severity: e.severity, Subject: e.subject,
	}
	l.keep(payload)
	if err == nil && e.source != b.source {
		err = fmt.Errorf("source %q: want %q", e.source, b.source)
	}
	if err != nil {
		return []line{l.judged(verdictBadEvent, strings.ReplaceAll(err.Error(), "\n", "; "))}
	}
	l.Hash = e.hash()
	if via == viaNow {
		return []line{b.takeNow(e, l)}
	}
	if r, ok := e.retired(); ok && r.Lane == lane {
		if out := b.retire(e, l, r); out != nil {
			return out
		}
	}
	if e.lane != lane {
		if e.kind == typeRetired {
			return []line{l.judged(verdictDuplicate, "its range was passed already")}
		}
		return []line{l.judged(verdictBadEvent, fmt.Sprintf("lane %q came on the topic of %q", e.lane, lane))}
	}
	return b.takeLane(e, l)
}

// takeNow takes an event that overtook its lane: by id, without moving last.
func (b *books) takeNow(e *event, l line) line {
	had, known := b.chain(laneKey{e.source, e.epoch, e.lane}).hashes[e.number]
	if !known {
		had, known = b.now[e.id]
	}
	if known {
		if had != bytesOf(l.Hash) {
			return l.judged(verdictBadHash, "differs from the event that came before under the same number or id")
		}
		return l.judged(verdictDuplicate, "")
	}
	if err := e.checkData(); err != nil {
		return l.judged(verdictBadData, err.Error())
	}
	b.now[e.id] = bytesOf(l.Hash)
	return l.judged(verdictOK, "")
}

// retire jumps over a range that the box no longer has; nil when the event
// does not stand right before what is missing.
func (b *books) retire(e *event, l line, r retired) []line {
	k := laneKey{e.source, e.epoch, r.Lane}
	c := b.chain(k)
	if uint64(r.From) > c.last+1 || uint64(r.To) <= c.last {
		return nil
	}
	if err := e.checkData(); err != nil {
		return []line{l.judged(verdictBadData, err.Error())}
	}
	c.jump(uint64(r.To), r.Hash)
	return append([]line{l.judged(verdictRetired, "")}, b.release(c)...)
}

func (c *chain) jump(to uint64, hash string) {
	c.last, c.lastHash, c.highest = to, hash, max(c.highest, to)
}

func (b *books) takeLane(e *event, l line) []line {
	c := b.chain(laneKey{e.source, e.epoch, e.lane})
	c.highest = max(c.highest, e.number)
	switch {
	case e.number <= c.last:
		had, ok := c.hashes[e.number]
		if ok && had != bytesOf(l.Hash) {
			return []line{l.judged(verdictBadHash, "differs from the event that was taken with this number")}
		}
		return []line{c.again(e, l)}
	case e.number > c.last+1:
		if _, ok := c.aside[e.number]; ok || len(c.aside) < asideMax {
			c.aside[e.number] = aside{e, l}
		}
		return []line{l.judged(verdictGap, fmt.Sprintf("after %d", c.last))}
	}
	out := b.extend(c, e, l)
	if out.Verdict == verdictBadHash {
		return []line{out}
	}
	return append([]line{out}, b.release(c)...)
}

// again judges a copy of what was taken.
func (c *chain) again(e *event, l line) line {
	if !c.empty[e.number] || e.data == nil {
		return l.judged(verdictDuplicate, "")
	}
	if err := e.checkData(); err != nil {
		return l.judged(verdictBadData, err.Error())
	}
	delete(c.empty, e.number)
	return l.judged(verdictCompleted, "")
}

// extend takes the event whose number is next.
func (b *books) extend(c *chain, e *event, l line) line {
	if e.prevhash != c.lastHash {
		return l.judged(verdictBadHash, fmt.Sprintf("prevhash %s: the event before it has %s", e.prevhash, c.lastHash))
	}
	if had, ok := b.now[e.id]; ok && had != bytesOf(l.Hash) {
		return l.judged(verdictBadHash, "differs from its copy that came on now")
	}
	delete(b.now, e.id)
	c.take(e, l.Hash)
	l.Taken = true
	if err := e.checkData(); err != nil {
		return l.judged(verdictBadData, err.Error())
	}
	return l.judged(verdictOK, "")
}

func (c *chain) take(e *event, hash string) {
	c.hashes[e.number] = bytesOf(hash)
	if e.data == nil {
		c.empty[e.number] = true
	}
	c.jump(e.number, hash)
}

// release takes what waited behind a hole that is now filled.
func (b *books) release(c *chain) []line {
	var out []line
	for {
		next, ok := c.aside[c.last+1]
		if !ok {
			break
		}
		delete(c.aside, c.last+1)
		l := b.extend(c, next.e, next.line)
		out = append(out, l)
		if l.Verdict == verdictBadHash {
			break
		}
	}
	for n := range c.aside {
		if n <= c.last {
			delete(c.aside, n)
		}
	}
	return out
}

// missing is the first hole of the chain, inclusive; ok is false without one.
func (c *chain) missing() (from, to uint64, ok bool) {
	if c.highest <= c.last {
		return 0, 0, false
	}
	to = c.highest
	for n := range c.aside {
		to = min(to, n-1)
	}
	return c.last + 1, to, true
}

// restore does again what a line of the ledger says was done.
func (b *books) restore(l line) error {
	number := event{sequence: l.Sequence}
	switch {
	case l.Verdict == verdictRetired:
		e, err := decodeEvent(l.Event)
		if err != nil {
			return err
		}
		r, ok := e.retired()
		if !ok {
			return fmt.Errorf("event %s: not a retired range", l.ID)
		}
		b.chain(laneKey{l.Source, l.Epoch, r.Lane}).jump(uint64(r.To), r.Hash)
	case l.Via == viaNow && l.Verdict == verdictOK:
		number.checkFields() // for its number only
		if _, ok := b.chain(laneKey{l.Source, l.Epoch, l.Lane}).hashes[number.number]; !ok {
			b.now[l.ID] = bytesOf(l.Hash)
		}
	case l.Taken:
		number.checkFields()
		c := b.chain(laneKey{l.Source, l.Epoch, l.Lane})
		if number.number != c.last+1 {
			return fmt.Errorf("event %s: number %d does not follow %d", l.ID, number.number, c.last)
		}
		delete(b.now, l.ID)
		number.data = l.data()
		c.take(&number, l.Hash)
	case l.Verdict == verdictCompleted:
		number.checkFields()
		delete(b.chain(laneKey{l.Source, l.Epoch, l.Lane}).empty, number.number)
	}
	return nil
}

// data is that of the event as it came; nil when it had none.
func (l line) data() json.RawMessage {
	var e struct {
		Data json.RawMessage `json:"data"`
	}
	if json.Unmarshal(l.Event, &e) != nil || string(e.Data) == "null" {
		return nil
	}
	return e.Data
}

func bytesOf(hash string) (out hash32) {
	raw, err := hex.DecodeString(strings.TrimPrefix(hash, sha256TextPrefix))
	if err == nil {
		copy(out[:], raw)
	}
	return out
}

func (l line) judged(verdict, reason string) line {
	l.Verdict, l.Reason = verdict, reason
	return l
}
