package ingest_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
)

// Devices and the box's own zone write times as they like; the box writes all
// of them in UTC with milliseconds, and reads them again.
func TestTimesAreWrittenInUTCWithMilliseconds(t *testing.T) {
	at := time.Date(2026, 11, 22, 8, 0, 0, 123_456_789, time.FixedZone("", 8*3600))
	for _, v := range []any{
		&ingest.PillarStatus{Pillar: "P-1", Online: true, At: at},
		&ingest.Telemetry{Drone: "uav-1", At: at},
		&ingest.Fix{Person: "zhang", At: at},
	} {
		text, err := json.Marshal(v)
		require.NoError(t, err)
		var got map[string]any
		require.NoError(t, json.Unmarshal(text, &got))
		require.Equal(t, "2026-11-22T00:00:00.123Z", got["at"], "%s", text)
		require.NoError(t, json.Unmarshal(text, v))
		again, err := json.Marshal(v)
		require.NoError(t, err)
		require.Equal(t, string(text), string(again))
	}
}
