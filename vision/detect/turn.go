package detect

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/vision"
)

// turns lets one caller at a time look. Who waits is let in by priority, and
// among equals in the order they came.
type turns struct {
	mu      sync.Mutex
	taken   bool
	waiting []*waiter // next first
}

type waiter struct {
	priority string
	let      chan struct{} // closed when it is let in
}

// defaultPriority is that of rules that name none.
const defaultPriority = "P2"

// take waits for a turn, at most so long; then it is vision.ErrBusy. Who has
// taken one gives it back.
func (t *turns) take(ctx context.Context, priority string, most time.Duration) error {
	if priority == "" {
		priority = defaultPriority
	}
	t.mu.Lock()
	if !t.taken {
		t.taken = true
		t.mu.Unlock()
		return nil
	}
	w := &waiter{priority, make(chan struct{})}
	at := len(t.waiting)
	for at > 0 && t.waiting[at-1].priority > priority { // "P0" < "P3"
		at--
	}
	t.waiting = slices.Insert(t.waiting, at, w)
	t.mu.Unlock()
	timer := time.NewTimer(most)
	defer timer.Stop()
	var err error
	select {
	case <-w.let:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = vision.ErrBusy
	}
	if !t.leave(w) {
		return nil // let in meanwhile
	}
	return err
}

// leave tells whether w still waited; then it does no more.
func (t *turns) leave(w *waiter) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.waiting, w)
	if i >= 0 {
		t.waiting = slices.Delete(t.waiting, i, i+1)
	}
	return i >= 0
}

func (t *turns) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) == 0 {
		t.taken = false
		return
	}
	close(t.waiting[0].let)
	t.waiting = t.waiting[1:]
}
