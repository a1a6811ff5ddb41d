package e2e

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What the API and headquarters say, as far as these tests look at it.

type incident struct {
	ID         string    `json:"id"`
	State      string    `json:"state"`
	Priority   string    `json:"priority"`
	Kind       string    `json:"kind"`
	Cameras    []string  `json:"cameras"`
	Alerts     []string  `json:"alerts"`
	Clips      []string  `json:"clips"`
	Snapshot   string    `json:"snapshot"`
	OccurredAt time.Time `json:"occurred_at"`
	OpenedAt   time.Time `json:"opened_at"`
	ClaimedBy  string    `json:"claimed_by"`
}

type clipPart struct {
	ID         string    `json:"id"`
	Part       string    `json:"part"`
	Incident   string    `json:"incident"`
	Camera     string    `json:"camera"`
	From       time.Time `json:"from"`
	To         time.Time `json:"to"`
	WantedFrom time.Time `json:"wanted_from"`
	Gaps       []any     `json:"gaps"`
	SHA256     string    `json:"sha256"`
	Location   string    `json:"location"`
	ReadyAt    time.Time `json:"ready_at"`
	UploadedAt any       `json:"uploaded_at"`
}

type alert struct {
	ID       string    `json:"id"`
	Incident string    `json:"incident"`
	Kind     string    `json:"kind"`
	Rule     string    `json:"rule"`
	Device   string    `json:"device"`
	Press    string    `json:"press"`
	Recorded time.Time `json:"recorded"`
}

type camera struct {
	ID   string `json:"id"`
	Live struct {
		Live bool   `json:"live"`
		Why  string `json:"why"`
	} `json:"live"`
}

type room struct {
	AsOf      string            `json:"as_of"`
	Incidents []json.RawMessage `json:"incidents"`
	Alerts    []json.RawMessage `json:"alerts"`
	Clips     []json.RawMessage `json:"clips"`
	Cameras   []camera          `json:"cameras"`
	Drones    []struct {
		ID        string `json:"id"`
		Telemetry *struct {
			Position *struct{ Lat, Lon float64 } `json:"position"`
		} `json:"telemetry"`
	} `json:"drones"`
	Uplinks []struct {
		Name      string            `json:"name"`
		Connected bool              `json:"connected"`
		Listening bool              `json:"listening"`
		Lag       map[string]uint64 `json:"lag"`
	} `json:"uplinks"`
}

func decodeAll[T any](t *testing.T, list []json.RawMessage) []T {
	out := make([]T, len(list))
	for i, raw := range list {
		require.NoError(t, json.Unmarshal(raw, &out[i]))
	}
	return out
}

func (r *rig) room() room {
	var out room
	require.Equal(r.t, 200, r.api("GET", "/api/v1/room", "", &out))
	return out
}

// incidentOf waits for the incident that answers a press.
func (r *rig) incident(id string) (incident, []clipPart) {
	var out struct {
		Incident incident   `json:"incident"`
		Clips    []clipPart `json:"clips"`
	}
	require.Equal(r.t, 200, r.api("GET", "/api/v1/incidents/"+id, "", &out))
	return out.Incident, out.Clips
}

// ledgerLine is one line of headquarters' ledger.
type ledgerLine struct {
	ID       string          `json:"id"`
	Epoch    string          `json:"epoch"`
	Lane     string          `json:"lane"`
	Sequence json.RawMessage `json:"sequence"`
	Via      string          `json:"via"`
	Verdict  string          `json:"verdict"`
	Reason   string          `json:"reason"`
	Taken    bool            `json:"taken"`
	Type     string          `json:"type"`
	Subject  string          `json:"subject"`
	Severity string          `json:"severity"`
	Received time.Time       `json:"received"`
	Event    struct {
		Drill bool            `json:"drill"`
		Data  json.RawMessage `json:"data"`
	} `json:"event"`
}

// raised is what an alert.raised says of its origin; false for other events
// and for lines that did not move their lane on.
func (l ledgerLine) raised(t *testing.T) (raised, bool) {
	var data raised
	if l.Type != "watchpost.alert.raised" || !l.Taken {
		return data, false
	}
	require.NoError(t, json.Unmarshal(l.Event.Data, &data))
	return data, true
}

type raised struct {
	Incident string `json:"incident"`
	Press    *struct {
		ID string `json:"id"`
	} `json:"press"`
	Sighting *struct {
		Rule string `json:"rule"`
	} `json:"sighting"`
}

func (r *rig) ledger() []ledgerLine {
	var lines []ledgerLine
	r.control("GET", "/hq/ledger", "", &lines)
	return lines
}

type simState struct {
	Cameras map[string]struct {
		Loop        int       `json:"loop"`
		LoopStarted time.Time `json:"loop_started"`
		Frame       int       `json:"frame"`
		Frames      int       `json:"frames"`
		FPS         float64   `json:"fps"`
	} `json:"cameras"`
	Pillars map[string]struct {
		Connected bool `json:"connected"`
		Pending   []struct {
			ID string `json:"id"`
		} `json:"pending"`
		Acks map[string]struct {
			Result    string  `json:"result"`
			Incident  string  `json:"incident"`
			LatencyMS float64 `json:"latency_ms"`
		} `json:"acks"`
		Command *struct {
			Light string `json:"light"`
		} `json:"command"`
	} `json:"pillars"`
}

func (r *rig) simState() simState {
	var s simState
	r.control("GET", "/state", "", &s)
	return s
}

type hqClip struct {
	ID       string `json:"id"`
	Part     string `json:"part"`
	Incident string `json:"incident"`
	OK       bool   `json:"ok"`
	SHA256   string `json:"sha256"`
}

func (r *rig) hqClips() []hqClip {
	var list []hqClip
	r.control("GET", "/hq/clips", "", &list)
	return list
}

// press presses a pillar of firmware-sim.
func (r *rig) press(pillar, kind string) string {
	var p struct {
		ID string `json:"id"`
	}
	r.control("POST", "/pillar/"+pillar+"/press", `{"kind":"`+kind+`"}`, &p)
	require.NotEmpty(r.t, p.ID)
	return p.ID
}

// probe runs ffprobe over a file: it must say nothing, and gives the
// presented duration in seconds and the number of pictures.
func probe(t *testing.T, path string) (seconds float64, frames int) {
	cmd := exec.Command("ffprobe", "-v", "warning", "-count_frames", "-select_streams", "v", "-show_entries", "stream=nb_read_frames:format=duration", "-of", "json", path)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	require.NoError(t, err, complaints.String())
	require.Empty(t, complaints.String(), "ffprobe has a warning")
	var seen struct {
		Streams []struct {
			Frames int `json:"nb_read_frames,string"`
		} `json:"streams"`
		Format struct {
			Duration float64 `json:"duration,string"`
		} `json:"format"`
	}
	require.NoError(t, json.Unmarshal(out, &seen))
	require.Len(t, seen.Streams, 1)
	return seen.Format.Duration, seen.Streams[0].Frames
}
