package mqtt

import (
	"context"
	"strings"
)

// handlers are the registered patterns, in order. They do not change once
// messages flow.
type handlers struct {
	all []registered
}

type registered struct {
	pattern string
	handle  Handler
}

func (hs *handlers) add(pattern string, h Handler) {
	hs.all = append(hs.all, registered{pattern, h})
}

// call gives the message to every handler that matches, up to the first error.
func (hs *handlers) call(ctx context.Context, user, topic string, payload []byte) error {
	for _, r := range hs.all {
		if !match(r.pattern, topic) {
			continue
		}
		if err := r.handle(ctx, user, topic, payload); err != nil {
			return err
		}
	}
	return nil
}

// match tells whether topic is one of those that pattern names (MQTT 3.1.1,
// section 4.7).
func match(pattern, topic string) bool {
	for {
		p, pMore, pHas := strings.Cut(pattern, "/")
		if p == "#" {
			return true
		}
		t, tMore, tHas := strings.Cut(topic, "/")
		if p != "+" && p != t {
			return false
		}
		if !pHas || !tHas {
			return pHas == tHas || pHas && pMore == "#"
		}
		pattern, topic = pMore, tMore
	}
}

// allowed tells whether a topic or a filter stays below prefix, which ends in
// a slash and holds no wildcard.
func allowed(prefix, topic string) bool {
	return len(topic) > len(prefix) && strings.HasPrefix(topic, prefix)
}

// usable tells whether prefix can be the prefix of an account.
func usable(prefix string) bool {
	return len(prefix) > 1 && strings.HasSuffix(prefix, "/") && !strings.ContainsAny(prefix, "+#\x00") && prefix[0] != '$'
}
