package evidence

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/watchpost-edge/watchpost/bridge"
)

// lines reads one line at a time, each at most an event long.
type lines struct {
	r *bufio.Reader
	n int
}

func newLines(r io.Reader) *lines {
	return &lines{r: bufio.NewReaderSize(r, bridge.EventMaxBytes+2)}
}

var errLine = errors.New("a line is longer than any event, or has no end")

// next is the next line without its end; io.EOF after the last. What cannot
// be unpacked any further ends it too: files says so. The line is good until
// the next call.
func (l *lines) next() ([]byte, error) {
	line, err := l.r.ReadSlice('\n')
	switch {
	case err == nil:
		l.n++
		return line[:len(line)-1], nil
	case errors.Is(err, bufio.ErrBufferFull), errors.Is(err, io.EOF) && len(line) > 0:
		return nil, errLine
	}
	return nil, io.EOF
}

// eventCheck walks the events and their links side by side.
type eventCheck struct {
	v        *verifier
	order    *order
	heads    map[laneRun]Head
	n        int
	withheld int
}

func (c *eventCheck) run(events, chain *lines) {
	for c.n < eventsMax {
		line, err := events.next()
		given, chainErr := chain.next()
		if errors.Is(err, errLine) || errors.Is(chainErr, errLine) {
			c.v.wrong(eventsName, "line %d, here or in %s: %v", c.n+1, chainName, errLine)
			return
		}
		if err != nil && chainErr != nil {
			return
		}
		if err != nil || chainErr != nil {
			c.v.wrong(eventsName, "it and %s do not have the same number of lines: one ends after line %d", chainName, c.n)
			return
		}
		c.n++
		c.one(line, given)
	}
	c.v.wrong(eventsName, "it holds more than %d events", eventsMax)
}

// one checks an event against its link, and the link against the one before.
func (c *eventCheck) one(line, given []byte) {
	var l link
	chained := json.Unmarshal(given, &l) == nil
	if !chained {
		c.v.wrong(chainName, "line %d is not a link of the chain", c.n)
	}
	name := fmt.Sprintf("line %d", c.n)
	if chained {
		name = fmt.Sprintf("line %d, %v", c.n, l)
	}
	e, err := bridge.DecodeEvent(line)
	if err != nil {
		c.v.wrong(eventsName, "%s: it cannot be read as an event any more", name)
		if chained {
			c.follow(l)
		}
		return
	}
	if len(e.Data) == 0 {
		c.withheld++
	}
	own := linkOf(&e)
	if !chained {
		l = own
	}
	if again, err := e.Encode(); err != nil || !bytes.Equal(again, line) {
		c.v.wrong(eventsName, "%s: it is not written as the journal writes it", name)
	}
	if own != l {
		c.v.wrong(eventsName, "%s: it does not fit its line in %s: what it says was changed (recorded %v)", name, chainName, e.RecordedTime)
	} else if exact, err := json.Marshal(l); chained && (err != nil || !bytes.Equal(exact, given)) {
		c.v.wrong(chainName, "line %d is not written as the journal's chain is", c.n)
	}
	if err := checkData(&e); err != nil {
		c.v.wrong(eventsName, "%s: %v (recorded %v)", name, err, e.RecordedTime)
	}
	c.follow(l)
	if u := c.v.report.Manifest.Unmasked; u != nil && e.ID == u.Event && e.Type == "watchpost.access.unmasked" {
		c.v.freed = true
	}
	if clip, part, a := announcement(&e); clip != "" && len(c.v.clips) < announcedMax {
		c.v.clips[clip+"/"+part] = a
	}
}

func (c *eventCheck) follow(l link) {
	if err := c.order.follow(l); err != nil {
		c.v.wrong(chainName, "line %d: %v", c.n, err)
	}
	at := c.order.at[laneRun{l.Epoch, l.Lane}]
	h, ok := c.heads[laneRun{l.Epoch, l.Lane}]
	if ok && (at.sequence == h.Sequence && l.Hash != h.Hash || at.sequence > h.Sequence) {
		c.v.wrong(chainName, "line %d: %v does not fit the end of its lane in the manifest", c.n, l)
	}
}
