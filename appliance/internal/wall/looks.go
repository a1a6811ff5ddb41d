package wall

import (
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// lookFolded is how long after its last byte a look counts as closed, and how
// long the same refusal is not recorded again.
const lookFolded = 10 * time.Second

// strangerFolded is how long requests of one address without a login are one
// refusal: a page whose login has ended asks every second.
const strangerFolded = 10 * time.Minute

// foldedMax bounds what is remembered; beyond it, looks are closed early, so
// that nothing is lost.
const foldedMax = 10_000

// looks records who looked at what: opened once, closed once, however many
// requests there were in between.
type looks struct {
	record func(desk.AccessIn)
	now    func() time.Time

	mu       sync.Mutex
	open     map[lookKey]*look
	refusals map[string]time.Time // until when the same one is not recorded again
}

type lookKey struct{ owner, camera, what string }

type look struct {
	entry  desk.AccessIn
	active int
	last   time.Time
}

func newLooks(record func(desk.AccessIn)) *looks {
	return &looks{record: record, now: time.Now, open: make(map[lookKey]*look), refusals: make(map[string]time.Time)}
}

// begin opens a look or joins one; the returned function ends this part.
func (l *looks) begin(who caller, camera, what string) (end func()) {
	key := lookKey{who.owner(), camera, what}
	l.mu.Lock()
	one, known := l.open[key]
	if !known {
		one = &look{entry: desk.AccessIn{Kind: "look_opened", By: who.actor(), Camera: camera, From: l.now(), Remote: who.remote, Why: what}}
		l.open[key] = one
	}
	one.active++
	one.last = l.now()
	crowded := len(l.open) > foldedMax
	l.mu.Unlock()
	if !known {
		l.record(one.entry)
	}
	return sync.OnceFunc(func() {
		l.mu.Lock()
		one.active--
		one.last = l.now()
		l.mu.Unlock()
		if crowded {
			l.sweep(0)
		}
	})
}

// refused records a refusal, the same one once in lookFolded.
func (l *looks) refused(who caller, remote, why string) { l.fold(who, remote, why, lookFolded) }

// stranger records that somebody asked without a login.
func (l *looks) stranger(remote string) { l.fold(caller{}, remote, "unauthenticated", strangerFolded) }

func (l *looks) fold(who caller, remote, why string, within time.Duration) {
	now := l.now()
	key := who.owner() + " " + remote + " " + why
	l.mu.Lock()
	again := now.Before(l.refusals[key])
	if !again {
		if len(l.refusals) > foldedMax {
			clear(l.refusals)
		}
		l.refusals[key] = now.Add(within)
	}
	l.mu.Unlock()
	if !again {
		l.record(desk.AccessIn{Kind: "refused", By: who.actor(), From: now, Remote: remote, Why: why})
	}
}

// sweep closes the looks whose last byte is that old.
func (l *looks) sweep(age time.Duration) {
	now := l.now()
	l.close(func(one *look) bool { return one.active == 0 && now.Sub(one.last) >= age })
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, until := range l.refusals {
		if !now.Before(until) {
			delete(l.refusals, key)
		}
	}
}

// closeAll is the end of the wall.
func (l *looks) closeAll() { l.close(func(*look) bool { return true }) }

func (l *looks) close(over func(*look) bool) {
	now := l.now()
	var closed []desk.AccessIn
	l.mu.Lock()
	for key, one := range l.open {
		if !over(one) {
			continue
		}
		entry := one.entry
		entry.Kind, entry.To = "looked", one.last
		if one.active > 0 {
			entry.To = now
		}
		closed = append(closed, entry)
		delete(l.open, key)
	}
	l.mu.Unlock()
	for _, entry := range closed {
		l.record(entry)
	}
}
