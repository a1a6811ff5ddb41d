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

type keyLane struct {
	turn chan struct{}
	dec  Decoder
}

// keyLanesMax bounds the decoders; cameras of more sizes share by turns.
const keyLanesMax = 6

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
		l = &keyLane{turn: make(chan struct{}, 1), dec: k.open()}
		k.lanes[name] = l
	}
	return l
}

// Decode gives the picture of one key unit. Frames are valid until each
// returns; meanwhile nobody else has a turn.
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
	defer l.dec.Reset()
	ready()
	return decodeAlone(l.dec, u, each)
}

// Close frees all memory. Nobody may decode any more.
func (k *Keys) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, l := range k.lanes {
		l.dec.Close()
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
