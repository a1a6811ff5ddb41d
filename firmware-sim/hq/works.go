package hq

import "sync"

// works is what others may begin until its owner waits for the end of it all: a
// sync.WaitGroup alone must not be added to while somebody waits.
type works struct {
	mu   sync.Mutex
	over bool
	open sync.WaitGroup
}

// begin reports whether one more may begin; done follows.
func (w *works) begin() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return false
	}
	w.open.Add(1)
	return true
}

func (w *works) done() { w.open.Done() }

// end lets nothing more begin and waits for what has begun.
func (w *works) end() {
	w.mu.Lock()
	w.over = true
	w.mu.Unlock()
	w.open.Wait()
}
