// Package health turns findings into the warnings that the room sees: each is
// declared once with its severity and with how long it must last before it
// shows, so that a camera's hiccup is no news.
//
// It owns when a finding began; components own the findings and are asked for
// them. It refuses codes that were not declared.
package health

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Severity of a warning.
type Severity string

// Severities, worst first.
const (
	Critical Severity = "critical"
	Bad      Severity = "warning"
	Info     Severity = "info"
)

// Code is a kind of warning, declared at start.
type Code struct {
	ID       string // stable: the wall translates by it
	Title    string
	Severity Severity
	After    time.Duration // how long a finding lasts before it shows
}

// Finding is what a component says is wrong now.
type Finding struct {
	Code    string
	Subject string // the device, uplink or folder; may be empty
	Text    string // what, and what to do
	// Params are what varies in Text, so that the wall can say it in its own
	// words: numbers, names, RFC 3339 times, and why: the words of whoever
	// failed. case tells a code's texts apart where it has several.
	Params map[string]string
}

// Warning is a finding that has lasted long enough.
type Warning struct {
	Code     string    `json:"code"`
	Title    string    `json:"title"`
	Severity Severity  `json:"severity"`
	Subject  string    `json:"subject,omitempty"`
	Text     string    `json:"text"`
	Since    time.Time `json:"since"`

	Params map[string]string `json:"params,omitempty"` // of Text
}

// Board pulls findings and keeps since when they stand.
type Board struct {
	mu     sync.Mutex
	codes  map[string]Code
	checks []func() []Finding
	since  map[[2]string]time.Time
}

// NewBoard returns a board that knows the codes.
func NewBoard(codes ...Code) *Board {
	b := &Board{codes: map[string]Code{}, since: map[[2]string]time.Time{}}
	for _, c := range codes {
		b.codes[c.ID] = c
	}
	return b
}

// Watch adds a component's check. It is called from Warnings and must not block.
func (b *Board) Watch(check func() []Finding) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.checks = append(b.checks, check)
}

// Warnings asks all components and returns what stands at now, worst first,
// then by age. A finding with an undeclared code is a programmer's error and
// panics.
func (b *Board) Warnings(now time.Time) []Warning {
	b.mu.Lock()
	defer b.mu.Unlock()
	standing := map[[2]string]time.Time{}
	list := []Warning{}
	for _, check := range b.checks {
		for _, f := range check() {
			code, known := b.codes[f.Code]
			if !known {
				panic(fmt.Sprintf("health: finding with undeclared code %q", f.Code))
			}
			key := [2]string{f.Code, f.Subject}
			since, stood := b.since[key]
			if !stood {
				since = now
			}
			standing[key] = since
			if now.Sub(since) >= code.After {
				list = append(list, Warning{Code: code.ID, Title: code.Title, Severity: code.Severity, Subject: f.Subject, Text: f.Text, Params: f.Params, Since: since})
			}
		}
	}
	b.since = standing
	slices.SortStableFunc(list, func(x, y Warning) int {
		return cmp.Or(cmp.Compare(rank(x.Severity), rank(y.Severity)), x.Since.Compare(y.Since))
	})
	return list
}

func rank(s Severity) int {
	return slices.Index([]Severity{Critical, Bad, Info}, s)
}
