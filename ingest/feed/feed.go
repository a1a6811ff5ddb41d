// Package feed is a bounded fan-out for lossy flows: one writer, any number of
// readers, each with a ring of its own. The writer never waits: a reader that
// is too slow loses the oldest values, and knows how many.
//
// It refuses to be used for anything that must not be lost (presses, events).
package feed

import (
	"context"
	"errors"
	"sync"
)

// ErrClosed is returned by Next after the feed or the reader was closed and
// everything buffered was read.
var ErrClosed = errors.New("feed closed")

// Feed hands every published value to all readers.
type Feed[T any] struct {
	mu      sync.Mutex
	readers map[*Reader[T]]struct{}
	closed  bool
}

// New returns an empty feed.
func New[T any]() *Feed[T] {
	return &Feed[T]{readers: make(map[*Reader[T]]struct{})}
}

// Publish gives v to every reader without waiting for any.
func (f *Feed[T]) Publish(v T) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for r := range f.readers {
		r.push(v)
	}
}

// Subscribe adds a reader that buffers at most size values. After a loss the
// reader skips values (and counts them as dropped) until resume reports true:
// for compressed video that is the next key unit. It also starts there; what
// came before the start is no loss. A nil resume skips nothing.
func (f *Feed[T]) Subscribe(size int, resume func(T) bool) *Reader[T] {
	r := &Reader[T]{feed: f, ring: make([]T, max(1, size)), resume: resume, skipping: resume != nil, wake: make(chan struct{}, 1)}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		r.closed = true
		return r
	}
	f.readers[r] = struct{}{}
	return r
}

// Readers is the number of readers now.
func (f *Feed[T]) Readers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.readers)
}

// Close ends the feed: readers get what they have buffered, then ErrClosed.
func (f *Feed[T]) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for r := range f.readers {
		r.end()
		delete(f.readers, r)
	}
}

// Reader is one reader's view of a feed. Next may be called from one
// goroutine at a time; Dropped and Close from any.
type Reader[T any] struct {
	feed   *Feed[T]
	resume func(T) bool

	mu       sync.Mutex
	ring     []T
	head, n  int
	dropped  uint64
	skipping bool
	started  bool // the first key was seen: what is skipped from here on is a loss
	closed   bool
	wake     chan struct{}
}

func (r *Reader[T]) push(v T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.skipping {
		if !r.resume(v) {
			if r.started {
				r.dropped++
			}
			return
		}
		r.skipping, r.started = false, true
	}
	if r.n == len(r.ring) {
		r.overflow(v)
	} else {
		r.ring[(r.head+r.n)%len(r.ring)] = v
		r.n++
	}
	r.signal()
}

// overflow drops the oldest value; with resume, everything up to the next
// value a reader can resume from, so that it never sees a broken sequence.
func (r *Reader[T]) overflow(v T) {
	r.pop()
	r.dropped++
	for r.resume != nil && r.n > 0 && !r.resume(r.ring[r.head]) {
		r.pop()
		r.dropped++
	}
	if r.resume != nil && r.n == 0 && !r.resume(v) {
		r.skipping = true
		r.dropped++
		return
	}
	r.ring[(r.head+r.n)%len(r.ring)] = v
	r.n++
}

func (r *Reader[T]) pop() T {
	v := r.ring[r.head]
	var zero T
	r.ring[r.head] = zero
	r.head = (r.head + 1) % len(r.ring)
	r.n--
	return v
}

func (r *Reader[T]) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *Reader[T]) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.signal()
}

// Next returns the oldest buffered value, waiting for one if there is none.
// It returns ctx's error once ctx has ended, buffered or not (a busy feed must
// not keep its reader alive), or ErrClosed at the end.
func (r *Reader[T]) Next(ctx context.Context) (T, error) {
	for {
		if err := ctx.Err(); err != nil {
			var zero T
			return zero, err
		}
		r.mu.Lock()
		if r.n > 0 {
			v := r.pop()
			r.mu.Unlock()
			return v, nil
		}
		closed := r.closed
		r.mu.Unlock()
		var zero T
		if closed {
			return zero, ErrClosed
		}
		select {
		case <-ctx.Done():
			return zero, ctx.Err()
		case <-r.wake:
		}
	}
}

// Dropped is how many values this reader has lost so far.
func (r *Reader[T]) Dropped() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dropped
}

// Close takes the reader off the feed.
func (r *Reader[T]) Close() {
	r.feed.mu.Lock()
	delete(r.feed.readers, r)
	r.feed.mu.Unlock()
	r.end()
}
