package access

import (
	"sync"
	"time"
)

// Limits on wrong passwords, each within limitWindow. The narrow one is per
// account and address, so that somebody who guesses elsewhere cannot lock the
// room out of its own wall; the wide ones bound a search over many accounts
// or from many addresses. An address from which the account has logged in
// before is not held to the account's wide limit.
const (
	limitWindow     = 5 * time.Minute
	limitPair       = 5
	limitAddress    = 30
	limitAccount    = 100
	limiterKeysMax  = 10_000
	limiterKnownMax = 10_000
)

// Limiter counts tries at passwords.
type Limiter struct {
	now func() time.Time

	mu    sync.Mutex
	fails map[string]*failures
	known map[string]struct{} // account and address of past logins
}

type failures struct {
	count int
	began time.Time
}

// NewLimiter returns an empty limiter. now is the clock (nil: time.Now).
func NewLimiter(now func() time.Time) *Limiter {
	if now == nil {
		now = time.Now
	}
	return &Limiter{now: now, fails: make(map[string]*failures), known: make(map[string]struct{})}
}

// Begin asks for one try at the account's password. It returns 0 and counts
// the try as failed until Succeeded says otherwise, so that tries made at the
// same time are counted too; or how long to wait before the next one.
func (l *Limiter) Begin(account, address string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	pair, from, to := limiterKeys(account, address)
	wait := max(l.left(pair, limitPair, now), l.left(from, limitAddress, now))
	if _, ok := l.known[pair]; !ok {
		wait = max(wait, l.left(to, limitAccount, now))
	}
	if wait > 0 {
		return wait
	}
	if len(l.fails) >= limiterKeysMax {
		l.prune(now)
	}
	for _, key := range []string{pair, from, to} {
		f, ok := l.fails[key]
		if !ok || now.Sub(f.began) >= limitWindow {
			f = &failures{began: now}
			l.fails[key] = f
		}
		f.count++
	}
	return 0
}

// Succeeded takes the try back and forgets the account's failures from the
// address.
func (l *Limiter) Succeeded(account, address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	pair, from, to := limiterKeys(account, address)
	delete(l.fails, pair)
	for _, key := range []string{from, to} {
		if f, ok := l.fails[key]; ok && f.count > 0 {
			f.count--
		}
	}
	if len(l.known) >= limiterKnownMax {
		clear(l.known)
	}
	l.known[pair] = struct{}{}
}

func limiterKeys(account, address string) (pair, from, to string) {
	return "p" + account + "\x00" + address, "a" + address, "u" + account
}

func (l *Limiter) left(key string, limit int, now time.Time) time.Duration {
	f, ok := l.fails[key]
	if !ok || f.count < limit {
		return 0
	}
	return max(0, f.began.Add(limitWindow).Sub(now))
}

// prune forgets what is over; when that is not enough, everything that has
// not reached a limit: a flood of names must not fill the memory.
func (l *Limiter) prune(now time.Time) {
	for key, f := range l.fails {
		if now.Sub(f.began) >= limitWindow {
			delete(l.fails, key)
		}
	}
	if len(l.fails) < limiterKeysMax {
		return
	}
	for key, f := range l.fails {
		if f.count < limitPair {
			delete(l.fails, key)
		}
	}
	if len(l.fails) >= limiterKeysMax {
		clear(l.fails)
	}
}
