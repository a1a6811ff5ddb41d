package client

import "sync"

// Works is what others may begin until its owner waits for the end of it all: a
// sync.WaitGroup alone must not be added to while somebody waits.
type Works struct {
	mu   sync.Mutex
	over bool
	open sync.WaitGroup
}

// Begin reports whether one more may begin; Done follows.
func (w *Works) Begin() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return false
	}
	w.open.Add(1)
	return true
}

// Done counts out what Begin counted in.
func (w *Works) Done() { w.open.Done() }

// End lets nothing more begin and waits for what has begun.
func (w *Works) End() {
	w.mu.Lock()
	w.over = true
	w.mu.Unlock()
	w.open.Wait()
}
