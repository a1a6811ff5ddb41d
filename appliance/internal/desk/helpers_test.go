package desk_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision"
)

// start is when the tests' station time begins.
func start() time.Time { return time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC) }

func at(lat, lon float64) *ingest.Position { return &ingest.Position{Lat: lat, Lon: lon} }

// setup is a small station: a street that runs east, with a pillar at its west
// end. gate looks east along it, shop looks at the pillar from the east, roof
// looks away to the north, far is a kilometre off.
func setup() desk.Setup {
	return desk.Setup{
		Station: "test", Box: "a", Config: "sha256:config", Window: 2 * time.Minute, Uplinks: []string{"hq"},
		Cameras: []desk.Camera{
			{ID: "gate", Name: "东门", Position: at(28.6900, 115.9910), Bearing: 90, FOV: 90, RangeM: 120},
			{ID: "shop", Name: "商店", Position: at(28.6900, 115.9925), Bearing: 270, FOV: 70, RangeM: 200, PreRoll: 10 * time.Second, PostRoll: 20 * time.Second},
			{ID: "roof", Name: "楼顶", Position: at(28.6901, 115.9912), Bearing: 0, FOV: 60, RangeM: 100},
			{ID: "far", Name: "远处", Position: at(28.7000, 115.9912), Bearing: 180, FOV: 60, RangeM: 50},
			{ID: "inside", Name: "室内"},
		},
		Pillars: []desk.Pillar{
			{ID: "P-1", Name: "步行街南口", Position: at(28.6900, 115.9912)},
			{ID: "P-2", Name: "步行街北口", Position: at(28.6901, 115.9913), Cameras: []string{"roof", "far"}},
		},
		Drones: []desk.Drone{{ID: "uav-1", Name: "无人机1"}},
		Places: []desk.Place{{ID: "bxj", Name: "步行街", AddressCode: "360111", Beat: "b2", Polygon: [][2]float64{
			{28.6895, 115.9905}, {28.6895, 115.9930}, {28.6905, 115.9930}, {28.6905, 115.9905},
		}}},
	}
}

// room is Step and Apply without a clock and without a goroutine: time is what
// the test says.
type room struct {
	t     testing.TB
	rules *desk.Rules
	state *desk.State
	m     *memory
	rand  *rand.ChaCha8
	now   time.Time
}

func newRoom(t testing.TB) *room {
	rules, err := desk.NewRules(setup())
	require.NoError(t, err)
	return &room{t: t, rules: rules, state: desk.NewState(), m: newMemory(), rand: rand.NewChaCha8([32]byte{1}), now: start()}
}

// try gives the input to Step and folds what comes of it.
func (r *room) try(in desk.Input) ([]bridge.Record, desk.Answer, error) {
	var hit *bridge.Record
	for _, key := range desk.Keys(in) {
		if rec, ok, _ := r.m.Find(key); ok && hit == nil {
			hit = &rec
		}
	}
	var random [16]byte
	_, _ = r.rand.Read(random[:])
	before, err := r.state.Bytes()
	require.NoError(r.t, err)
	drafts, answer, stepErr := r.rules.Step(r.state, bridge.At(r.now), random, in, hit)
	after, err := r.state.Bytes()
	require.NoError(r.t, err)
	require.Equal(r.t, string(before), string(after), "Step changed the state")
	if stepErr != nil {
		require.Empty(r.t, drafts)
		return nil, answer, stepErr
	}
	if len(drafts) == 0 {
		return nil, answer, nil
	}
	records, _, err := r.m.Append(drafts)
	require.NoError(r.t, err)
	for _, rec := range records {
		require.NoError(r.t, r.state.Apply(rec))
	}
	return records, answer, nil
}

func (r *room) do(in desk.Input) ([]bridge.Record, desk.Answer) {
	records, answer, err := r.try(in)
	require.NoError(r.t, err)
	return records, answer
}

func (r *room) after(d time.Duration) *room {
	r.now = r.now.Add(d)
	return r
}

// types are the records' event types without "watchpost.".
func types(records []bridge.Record) []string {
	names := []string{}
	for _, rec := range records {
		names = append(names, strings.TrimPrefix(rec.Event.Type, "watchpost."))
	}
	return names
}

func data[T any](t testing.TB, rec bridge.Record) T {
	var d T
	require.NoError(t, json.Unmarshal(rec.Event.Data, &d))
	return d
}

func press(pillar, id string, kind ingest.PressKind, at time.Time) desk.PressIn {
	return desk.PressIn{Press: ingest.Press{Pillar: pillar, ID: id, Kind: kind, At: at, AtText: at.Format(time.RFC3339Nano), Seq: 1, Received: at}}
}

func sighting(id string, phase vision.Phase, camera, kind string, from, to time.Time) desk.SightingIn {
	return desk.SightingIn{Snapshot: "ab" + id, Sighting: vision.Sighting{
		ID: id, Phase: phase, Camera: ingest.CameraID(camera), Rule: kind + "-rule", Kind: kind, Zone: "yard", Class: vision.Person,
		Priority: "P1", From: from, To: to, Confidence: 0.5, ReceivedAt: to,
	}}
}

func operator(name string) desk.Actor { return desk.Actor{Name: name, Role: "operator"} }
func lead(name string) desk.Actor     { return desk.Actor{Name: name, Role: "lead"} }

func report(by desk.Actor) desk.ReportIn {
	return desk.ReportIn{Source: "call_110", Kind: "theft", Place: "bxj", Note: "电动车被盗", By: by}
}

// hands are a clock that a test moves.
type hands struct {
	mu      sync.Mutex
	wall    time.Time
	elapsed time.Duration
}

func newHands() *hands { return &hands{wall: start()} }

func (h *hands) Wall() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.wall
}

func (h *hands) Elapsed() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.elapsed
}

func (h *hands) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wall, h.elapsed = h.wall.Add(d), h.elapsed+d
}

func (h *hands) set(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wall = h.wall.Add(d)
}

func openDesk(t testing.TB, journal bridge.Appender, clock desk.Clock, entropy io.Reader) *desk.Desk {
	return openDeskOf(t, setup(), journal, clock, entropy)
}

func openDeskOf(t testing.TB, setup desk.Setup, journal bridge.Appender, clock desk.Clock, entropy io.Reader) *desk.Desk {
	d, err := desk.New(setup, journal, clock, slog.New(slog.DiscardHandler), entropy)
	require.NoError(t, err)
	require.NoError(t, d.Open(context.Background()))
	return d
}

func bytesOf(t testing.TB, d *desk.Desk) string {
	var b []byte
	_, err := d.View(context.Background(), func(s *desk.State) {
		var err error
		b, err = s.Bytes()
		require.NoError(t, err)
	})
	require.NoError(t, err)
	return string(b)
}

// fold is the state that the journal's records give.
func fold(t testing.TB, journal bridge.Reader) string {
	s := desk.NewState()
	for {
		records, err := journal.Read(s.Place(), 1000)
		require.NoError(t, err)
		if len(records) == 0 {
			break
		}
		for _, rec := range records {
			require.NoError(t, s.Apply(rec))
		}
	}
	b, err := s.Bytes()
	require.NoError(t, err)
	return string(b)
}

// dataOf is the data of an event that is about to be written.
func dataOf[T any](t testing.TB, d bridge.Draft) T {
	var v T
	require.NoError(t, json.Unmarshal(d.Data, &v))
	return v
}
