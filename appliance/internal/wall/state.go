package wall

import (
	"context"
	"encoding/json"
	"reflect"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/ingest"
)

// How often the live facts are looked at, and sent when none of them turned.
const (
	sampleEvery = 200 * time.Millisecond
	stateEvery  = time.Second
)

// stateBoard holds the newest state, encoded once for all streams.
type stateBoard struct {
	mu      sync.Mutex
	state   stateAnswer
	newest  []byte // state as JSON
	duties  duties
	changed chan struct{}
}

func newStateBoard() *stateBoard { return &stateBoard{changed: make(chan struct{})} }

// get returns the newest state (nil at first) as the caller may see it, the
// duties, and a channel that closes when there are newer ones.
func (b *stateBoard) get(who caller, s *Server) ([]byte, duties, <-chan struct{}) {
	b.mu.Lock()
	state, newest, duties, changed := b.state, b.newest, b.duties, b.changed
	b.mu.Unlock()
	if who.scope.All() && !who.anonymous || newest == nil {
		return newest, duties, changed
	}
	if who.anonymous {
		state.Units = without(state.Units)
	}
	state.Cameras = visible(s, who, state.Cameras, func(c CameraState) string { return c.ID })
	limited, err := json.Marshal(state)
	if err != nil {
		s.o.Log.Error("encode state", "err", err)
	}
	return limited, duties, changed
}

func (b *stateBoard) set(state stateAnswer, encoded []byte, duties duties) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state, b.newest, b.duties = state, encoded, duties
	close(b.changed)
	b.changed = make(chan struct{})
}

// turn is what of the state is sent at once when it changes; ages, positions
// and counts wait for the second.
type turn struct {
	cameras    []CameraState
	uplinks    []Uplink
	warnings   [][2]string // code, subject
	units      []Unit
	deliveries []IncidentDelivery
}

func turnOf(state stateAnswer) turn {
	t := turn{deliveries: state.Deliveries}
	for _, w := range state.Warnings {
		t.warnings = append(t.warnings, [2]string{w.Code, w.Subject})
	}
	for _, u := range state.Units {
		u.Position = nil
		t.units = append(t.units, u)
	}
	for _, c := range state.Cameras {
		c.AgeMS, c.FPS, c.Clock = 0, 0, nil
		t.cameras = append(t.cameras, c)
	}
	for _, u := range state.Uplinks {
		t.uplinks = append(t.uplinks, Uplink{Name: u.Name, Connected: u.Connected, Listening: u.Listening, SetAside: u.SetAside, Why: u.Why})
	}
	return t
}

// sample looks at the live facts until ctx ends.
func (s *Server) sample(ctx context.Context) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	var last turn
	var duties duties
	var sent time.Time
	for {
		state := s.liveState()
		if now := turnOf(state); time.Since(sent) >= stateEvery-sampleEvery/2 || !reflect.DeepEqual(now, last) {
			duties = duties.look(s)
			if encoded, err := json.Marshal(state); err != nil {
				s.o.Log.Error("encode state", "err", err)
			} else {
				s.state.set(state, encoded, duties)
			}
			last, sent = now, time.Now()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Server) liveState() stateAnswer {
	state := stateAnswer{
		At: now(), Cameras: []CameraState{}, Drones: []ingest.Telemetry{}, Uplinks: full(s.o.Devices.Uplinks()), Warnings: s.warnings(),
		Deliveries: full(s.o.Receipts.Open()), Units: s.units(time.Now()),
	}
	for _, c := range s.o.Devices.Cameras() {
		c.Live.ID = c.ID
		state.Cameras = append(state.Cameras, c.Live)
	}
	for _, d := range s.o.Devices.Drones() {
		if d.Telemetry != nil {
			state.Drones = append(state.Drones, *d.Telemetry)
		}
	}
	return state
}
