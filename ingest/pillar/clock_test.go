package pillar_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/pillar"
)

// handlers is a broker that a test hands messages to.
type handlers map[string]func(ctx context.Context, user, topic string, payload []byte) error

func (h handlers) Handle(pattern string, f func(ctx context.Context, user, topic string, payload []byte) error) {
	h[pattern] = f
}

func (handlers) Publish(string, []byte, byte, bool) error { return nil }

// What a pillar dates tells of its clock, but for what may have waited.
func TestClockOfAPillar(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	const year = 365 * 24 * time.Hour
	for name, tc := range map[string]struct {
		kind, text string
		live       bool
		want       time.Duration
		known      bool
	}{
		"a press now":                {"press", `{"id":"1","kind":"alarm","at":"2026-11-22T11:59:59.500Z"}`, true, -500 * time.Millisecond, true},
		"a press of next year":       {"press", `{"id":"1","kind":"alarm","at":"2027-11-22T12:00:00Z"}`, true, year, true},
		"a press that waited":        {"press", `{"id":"1","kind":"alarm","at":"2026-11-22T11:50:00Z"}`, true, 0, false},
		"a press that comes again":   {"press", `{"id":"1","kind":"alarm","at":"2026-11-22T12:00:30Z","replayed":true}`, true, 0, false},
		"a press without a time":     {"press", `{"id":"1","kind":"alarm"}`, true, 0, false},
		"a status of last year":      {"status", `{"online":true,"at":"2025-11-22T12:00:00Z"}`, true, -year, true},
		"a status that was kept":     {"status", `{"online":true,"at":"2025-11-22T12:00:00Z"}`, false, 0, false},
		"one that comes from ahead":  {"status", `{"online":true,"at":"2026-11-22T12:01:00Z"}`, false, time.Minute, true},
		"a status without a time":    {"status", `{"online":true}`, true, 0, false},
		"a Will, written at connect": {"status", `{"online":false,"at":"2026-11-22T11:00:00Z"}`, true, 0, false},
	} {
		broker := handlers{}
		a := pillar.New(pillar.Options{
			Broker: broker, Live: tc.live, Now: func() time.Time { return now },
			Known: func(string) bool { return true }, Status: func(ingest.PillarStatus) {},
			Press: func(context.Context, ingest.Press) (ingest.PressResult, error) {
				return ingest.PressResult{Result: "stored"}, nil
			},
		})
		require.NoError(t, broker["pillar/+/"+tc.kind](t.Context(), "P-1", pillar.Topic("P-1", tc.kind), []byte(tc.text)), name)
		ahead, known := a.Ahead("P-1")
		require.Equal(t, tc.known, known, name)
		require.Equal(t, tc.want, ahead, name)
	}
}
