package review_test

import (
	"container/heap"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/review"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
	"github.com/watchpost-edge/watchpost/ingest"
)

// hands are the clock's: the simulation moves them.
type hands struct {
	mu   sync.Mutex
	wall time.Time
	zero time.Time
}

func (h *hands) Wall() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.wall
}

func (h *hands) Elapsed() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.wall.Sub(h.zero)
}

func (h *hands) set(to time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if to.After(h.wall) {
		h.wall = to
	}
}

// sharing is the journal with its syncs shared, as they are when the whole
// room works at once: nobody waits for the disk before the simulation does.
type sharing struct {
	*journal.Journal
	mu   sync.Mutex
	last bridge.Ticket
}

type noWait struct{}

func (noWait) Wait(context.Context) error { return nil }

func (s *sharing) Append(drafts []bridge.Draft) ([]bridge.Record, bridge.Ticket, error) {
	records, ticket, err := s.Journal.Append(drafts)
	if err == nil {
		s.mu.Lock()
		s.last = ticket
		s.mu.Unlock()
	}
	return records, noWait{}, err
}

// sync waits until all is on the disk.
func (s *sharing) sync(t testing.TB) {
	s.mu.Lock()
	last := s.last
	s.mu.Unlock()
	if last != nil {
		require.NoError(t, last.Wait(t.Context()))
	}
}

// sim is a station whose days pass as fast as its desk decides.
type sim struct {
	t       testing.TB
	dir     string
	zone    *time.Location
	clock   *hands
	rand    *rand.Rand
	bytes   *rand.ChaCha8
	setup   desk.Setup
	journal *sharing
	desk    *desk.Desk
	book    *review.Book
	queue   queue
	n       int
	truth   *truth
	steps   []time.Duration // of each input, without the disk
	saved   uint64          // place of the newest checkpoint
}

func newSim(t testing.TB, seed uint64, from time.Time) *sim {
	var key [32]byte
	key[0] = byte(seed)
	s := &sim{
		t: t, dir: t.TempDir(), zone: from.Location(), clock: &hands{wall: from, zero: from}, rand: rand.New(rand.NewPCG(seed, 7)),
		bytes: rand.NewChaCha8(key), setup: station(from.Location()), truth: newTruth(from.Location()),
	}
	s.open()
	return s
}

// open starts the box.
func (s *sim) open() {
	j, err := journal.Open(journal.Options{
		Dir: filepath.Join(s.dir, "journal"), Source: "/stations/test/boxes/a", Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(s.t, err)
	s.journal = &sharing{Journal: j}
	s.desk, err = desk.New(s.setup, s.journal, s.clock, slog.New(slog.DiscardHandler), s.bytes)
	require.NoError(s.t, err)
	require.NoError(s.t, s.desk.Open(s.t.Context()))
	s.book = s.newBook()
	require.NoError(s.t, s.book.Open())
	s.do(desk.StartedIn{Version: "test", Boot: fmt.Sprint(s.n), Config: "sha256:config"})
}

func (s *sim) newBook() *review.Book {
	return review.New(review.Options{
		Journal: s.journal, Desk: s.desk, Dir: s.dir, Zone: s.zone, Now: s.clock.Wall, Log: slog.New(slog.DiscardHandler),
		Write: func(path string, write func(io.Writer) error) error {
			f, err := os.Create(path)
			if err != nil {
				return err
			}
			defer f.Close()
			return write(f)
		},
	})
}

func (s *sim) close() {
	s.catchUp()
	s.book.Save()
	require.NoError(s.t, s.journal.Close())
}

// catchUp lets the review read all that there is.
func (s *sim) catchUp() {
	s.journal.sync(s.t)
	require.NoError(s.t, s.book.CatchUp())
}

// restart takes the box down for a while.
func (s *sim) restart(down time.Duration) {
	s.close()
	s.clock.set(s.clock.Wall().Add(down))
	s.open()
}

// later does something at a time.
func (s *sim) later(at time.Time, do func()) {
	s.n++
	heap.Push(&s.queue, planned{at.Truncate(time.Millisecond), s.n, do})
}

func (s *sim) in(d time.Duration, do func()) { s.later(s.clock.Wall().Add(d), do) }

// run does all that is planned, with every deadline of the desk between.
func (s *sim) run() {
	for s.queue.Len() > 0 {
		next := heap.Pop(&s.queue).(planned)
		s.tick(next.at)
		s.clock.set(next.at)
		next.do()
		if s.journal.Journal.Last()-s.saved > 50_000 {
			s.checkpoint()
		}
	}
}

func (s *sim) checkpoint() {
	s.journal.sync(s.t)
	require.NoError(s.t, s.desk.Checkpoint(s.t.Context()))
	s.saved = s.journal.Last()
}

// tick feeds the deadlines up to a time.
func (s *sim) tick(until time.Time) {
	for range 1000 {
		var deadline bridge.Stamp
		_, err := s.desk.View(s.t.Context(), func(state *desk.State) { deadline = state.Deadline() })
		require.NoError(s.t, err)
		if deadline.IsZero() || deadline.After(until) {
			return
		}
		s.clock.set(deadline.Time)
		s.truth.ticked(s.do(desk.Tick{}))
	}
	s.t.Fatal("a deadline does not pass")
}

// try hands an input in and notes how long that took.
func (s *sim) try(in desk.Input) (desk.Result, error) {
	began := time.Now()
	result, err := s.desk.Handle(s.t.Context(), in)
	s.steps = append(s.steps, time.Since(began))
	return result, err
}

func (s *sim) do(in desk.Input) desk.Result {
	result, err := s.try(in)
	require.NoError(s.t, err, "%T %+v", in, in)
	return result
}

// queue is a heap, earliest first.
type planned struct {
	at time.Time
	n  int
	do func()
}

type queue []planned

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if q[i].at.Equal(q[j].at) {
		return q[i].n < q[j].n
	}
	return q[i].at.Before(q[j].at)
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(planned)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

const (
	placesN  = 20
	pillarsN = 10
	teamsN   = 6
	room     = 12 // operators
)

// station has twenty places a kilometre apart, each with two cameras, half of
// them with a pillar.
func station(zone *time.Location) desk.Setup {
	s := desk.Setup{Station: "test", Box: "a", Zone: zone, Config: "sha256:config", Uplinks: []string{"hq"}, ShownWithin: 2 * time.Second}
	for i := range placesN {
		lat, lon := 28.60+0.01*float64(i/5), 115.90+0.01*float64(i%5)
		s.Places = append(s.Places, desk.Place{
			ID: placeID(i), Name: fmt.Sprintf("地点%d", i), Beat: beat(i),
			Polygon: [][2]float64{{lat - 0.002, lon - 0.002}, {lat - 0.002, lon + 0.002}, {lat + 0.002, lon + 0.002}, {lat + 0.002, lon - 0.002}},
		})
		for side := range 2 {
			s.Cameras = append(s.Cameras, desk.Camera{
				ID: camera(i, side), Name: camera(i, side), Bearing: float64(180 * side), FOV: 60, RangeM: 60,
				Position: &ingest.Position{Lat: lat + 0.001*float64(side), Lon: lon},
			})
		}
		if i < pillarsN {
			s.Pillars = append(s.Pillars, desk.Pillar{ID: pillar(i), Name: pillar(i), Position: &ingest.Position{Lat: lat, Lon: lon}})
		}
	}
	for i := range teamsN {
		id := fmt.Sprintf("o-%d", i)
		s.Persons = append(s.Persons, desk.Person{ID: id, Name: id, User: "officer-" + fmt.Sprint(i)})
		s.Teams = append(s.Teams, desk.Team{ID: team(i), Name: team(i), Members: []string{id}})
	}
	return s
}

func placeID(i int) string      { return fmt.Sprintf("place-%02d", i) }
func beat(i int) string         { return fmt.Sprintf("b%d", i%3) }
func camera(i, side int) string { return fmt.Sprintf("cam-%02d-%d", i, side) }
func pillar(i int) string       { return fmt.Sprintf("P-%02d", i) }
func team(i int) string         { return fmt.Sprintf("team-%d", i) }
func operator(i int) desk.Actor { return desk.Actor{Name: fmt.Sprintf("op-%d", i), Role: "operator"} }
func officerOf(i int) desk.Actor {
	return desk.Actor{Name: fmt.Sprintf("officer-%d", i), Role: "officer"}
}
func lead() desk.Actor { return desk.Actor{Name: "lead", Role: "lead"} }
