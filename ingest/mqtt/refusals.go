package mqtt

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Limits of what is remembered about refusals.
const (
	refusalsMax  = 64
	textBytesMax = 200         // of a user name or a reason: a stranger wrote them
	logAgain     = time.Minute // the same refusal is logged at most so often
)

// Refusal is something that a client was refused, for health.
type Refusal struct {
	User   string // as the client gave it, shortened
	Remote string // host
	Why    string
	Count  uint64
	First  time.Time
	Last   time.Time
}

// refusals remembers the latest refusals, each reason once per user and host.
type refusals struct {
	log   *slog.Logger
	named string // what the log says of one

	mu     sync.Mutex
	all    []refused
	count  uint64
	logged uint64 // refusals in this minute, whoever's
	minute time.Time
}

type refused struct {
	Refusal
	logged time.Time
}

// linesMax bounds the log a minute, whatever strangers invent.
const linesMax = 60

func (r *refusals) add(user, remote, why string) {
	user, why = short(user), short(why)
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	i := slices.IndexFunc(r.all, func(x refused) bool { return x.User == user && x.Remote == remote && x.Why == why })
	var x refused
	if i >= 0 {
		x = r.all[i]
		r.all = slices.Delete(r.all, i, i+1)
	} else {
		x.Refusal = Refusal{User: user, Remote: remote, Why: why, First: now}
		if len(r.all) == refusalsMax {
			r.all = slices.Delete(r.all, 0, 1)
		}
	}
	x.Count++
	x.Last = now
	if now.Sub(r.minute) >= time.Minute {
		r.minute, r.logged = now, 0
	}
	if now.Sub(x.logged) >= logAgain && r.logged < linesMax {
		x.logged = now
		r.logged++
		r.log.Warn(r.named, "client", user, "remote", remote, "why", why, "count", x.Count)
	}
	r.all = append(r.all, x)
}

func (r *refusals) list() []Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Refusal, 0, len(r.all))
	for _, x := range slices.Backward(r.all) {
		out = append(out, x.Refusal)
	}
	return out
}

func (r *refusals) total() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

func short(s string) string {
	if len(s) > textBytesMax {
		s = s[:textBytesMax]
	}
	return strings.ToValidUTF8(s, "�")
}
