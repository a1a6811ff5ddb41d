package wall_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
	"github.com/watchpost-edge/watchpost/bridge"
)

// Blind is the station's list: a camera that was gone from an hour ago for a
// minute.
func (s *station) Blind(_ context.Context, _ uint64, camera string, from, to time.Time) ([]wall.BlindInterval, error) {
	gone := s.gone
	if camera != "east" || !gone.Before(to) || !gone.Add(time.Minute).After(from) {
		return nil, nil
	}
	return []wall.BlindInterval{{Camera: "east", Kind: "unrecorded", From: bridge.At(gone), To: bridge.At(gone.Add(time.Minute)), Cause: "disk", Why: "disk full"}}, nil
}

func (s *station) Recorded(_ string, from, to time.Time) []media.Span {
	gone := s.gone
	return []media.Span{{From: gone.Add(-time.Hour), To: gone}, {From: gone.Add(time.Minute), To: gone.Add(10 * time.Minute)}}
}

func TestBlindIntervalsByTime(t *testing.T) {
	b := newBox(t)
	gone := b.station.gone
	_, err := b.desk.Handle(t.Context(), desk.BlindIn{Camera: "east", Kind: "unseen", From: gone.Add(5 * time.Minute), Cause: "camera", Why: "refused"})
	require.NoError(t, err)
	c := b.as(t, "operator")
	items := c.get("/api/v1/blind?camera=east", "BlindPage")["items"].([]any)
	require.Len(t, items, 2)
	require.Equal(t, "disk", items[0].(object)["cause"])
	require.Equal(t, "", items[1].(object)["to"], "still open")
	require.Len(t, c.get("/api/v1/blind", "BlindPage")["items"], 1)
	require.Len(t, c.get("/api/v1/blind?camera=east&kind=unseen", "BlindPage")["items"], 1)
	span := func(from, to time.Time) string {
		return "from=" + url.QueryEscape(from.Format(time.RFC3339Nano)) + "&to=" + url.QueryEscape(to.Format(time.RFC3339Nano))
	}
	require.Len(t, c.get("/api/v1/blind?camera=east&"+span(gone, gone.Add(time.Second)), "BlindPage")["items"], 1, "the other began later")
	require.Equal(t, 404, first(c.do("GET", "/api/v1/blind?camera=nobody", nil)))
	require.Equal(t, 400, first(c.do("GET", "/api/v1/blind?kind=asleep", nil)))

	one := c.get("/api/v1/cameras/east/recordings?"+span(gone.Add(-time.Minute), gone.Add(2*time.Minute)), "Recordings")
	require.EqualValues(t, 120_000, one["recorded_ms"])
	require.EqualValues(t, 60_000, one["unrecorded_ms"], "with the other it is the time")
	require.Len(t, one["recorded"], 2)
	require.Equal(t, bridge.At(gone.Add(2*time.Minute)).String(), one["recorded"].([]any)[1].(object)["to"], "cut to what was asked for")
	require.Len(t, one["blind"], 1)
	require.Equal(t, 422, first(c.do("GET", "/api/v1/cameras/east/recordings?"+span(gone, gone), nil)))
}
