package vision

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/ingest"
)

// keyWait is how long a lone key picture waits for its turn.
const keyWait = time.Second

// errNoTurn says that a key picture had no turn in time, and was left out.
var errNoTurn = errors.New("no turn at the shared decoder")

// Keys decodes lone key pictures of all cameras, with one decoder for each
// codec and size: a quiet camera needs no memory of its own. Its methods may be
// called from many goroutines.
type Keys struct {
	open func() Decoder

	mu    sync.Mutex
	lanes map[string]*keyLane
}

// keyLane is the decoders for one codec and size. A second is only made when the
// first is at work.
type keyLane struct {
	turn chan struct{}

	mu   sync.Mutex
	idle []Decoder // the one that was used last comes last
}

// Bounds of the decoders: cameras of more sizes, and more key pictures at a
// time, share by turns. One at a time is not enough where 32 cameras send a key
// every 2 s and everybody else is at work too.
const (
	keyLanesMax = 6
	keyTurns    = 2
)

// take is a decoder for who has a turn; give hands it back.
func (l *keyLane) take(open func() Decoder) Decoder {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.idle)
	if n == 0 {
		return open()
	}
	d := l.idle[n-1]
	l.idle = l.idle[:n-1]
	return d
}

func (l *keyLane) give(d Decoder) {
	d.Reset()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.idle = append(l.idle, d)
}

// NewKeys shares decoders that open makes when they are needed.
func NewKeys(open func() Decoder) *Keys { return &Keys{open: open, lanes: map[string]*keyLane{}} }

func (k *Keys) lane(p *ingest.Params) *keyLane {
	name := fmt.Sprintf("%s %d×%d", p.Codec, p.Width, p.Height)
	k.mu.Lock()
	defer k.mu.Unlock()
	l := k.lanes[name]
	if l == nil && len(k.lanes) >= keyLanesMax {
		for _, l = range k.lanes {
			break
		}
	}
	if l == nil {
		l = &keyLane{turn: make(chan struct{}, keyTurns)}
		k.lanes[name] = l
	}
	return l
}

// Decode gives the picture of one key unit. Frames are valid until each
// returns.
func (k *Keys) Decode(ctx context.Context, u *ingest.Unit, each func(*Frame) error) error {
	return k.decode(ctx, u, each, func() {})
}

// decode calls ready when it has its turn, before it decodes.
func (k *Keys) decode(ctx context.Context, u *ingest.Unit, each func(*Frame) error, ready func()) error {
	l := k.lane(u.Params)
	timer := time.NewTimer(keyWait)
	defer timer.Stop()
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return errNoTurn
	}
	defer func() { <-l.turn }()
	d := l.take(k.open)
	defer l.give(d)
	ready()
	return decodeAlone(d, u, each)
}

// Close frees all memory. Nobody may decode any more.
func (k *Keys) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, l := range k.lanes {
		for _, d := range l.idle {
			d.Close()
		}
	}
	clear(k.lanes)
}

// drainer is a decoder that can give what it holds back, when no unit follows.
type drainer interface {
	Drain(each func(*Frame) error) error
}

// decodeAlone decodes one unit and gives its picture at once.
func decodeAlone(d Decoder, u *ingest.Unit, each func(*Frame) error) error {
	n := 0
	count := func(f *Frame) error {
		n++
		return each(f)
	}
	if err := d.Decode(u, count); err != nil || n > 0 {
		return err
	}
	if dr, ok := d.(drainer); ok {
		return dr.Drain(count)
	}
	return nil
}
