package station

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/bridge/journal"
	"github.com/watchpost-edge/watchpost/ingest"
)

// patrolled is a station with a team of two and their phones on its broker;
// nobody is on duty by a shift.
func patrolled(t *testing.T) *Station {
	dir := t.TempDir()
	s := &Station{log: slog.New(slog.DiscardHandler), cfg: &config.Config{
		Persons: []config.Person{{ID: "zhang", Name: "张伟", User: "zhangwei", Password: "secret"}, {ID: "li", Name: "李娜", User: "li", Password: "other"}},
		Teams:   []config.Team{{ID: "t1", Name: "巡逻一组", Members: []string{"zhang"}}},
	}}
	s.cfg.MQTT.Listen = "127.0.0.1:0"
	var err error
	s.journal, err = journal.Open(journal.Options{Dir: filepath.Join(dir, "journal"), Source: "/stations/test/boxes/a"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.journal.Close()) })
	s.desk, err = desk.New(deskSetup(s.cfg), s.journal, desk.SystemClock(), s.log, rand.Reader)
	require.NoError(t, err)
	require.NoError(t, s.desk.Open(t.Context()))
	s.store = media.New(media.Options{Dir: dir, MinFree: -1})
	require.NoError(t, s.store.Open())
	s.positions = s.newPositions()
	s.pillars = s.newPillars()
	s.phones = s.newPhones(s.pillars.broker)
	require.NoError(t, s.pillars.broker.Open())
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- s.pillars.broker.Run(ctx) }()
	go func() { ended <- s.positions.run(ctx) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-ended); require.NoError(t, <-ended) })
	return s
}

func (s *Station) setDuty(t *testing.T, in desk.DutyIn) {
	in.Reason, in.By = "test", desk.Actor{Name: "chen", Role: "lead"}
	_, err := s.desk.Handle(t.Context(), in)
	require.NoError(t, err)
}

// phone is somebody's OwnTracks.
func (s *Station) phone(t *testing.T, person, password string) func(at time.Time, lat float64) {
	c := paho.NewClient(paho.NewClientOptions().AddBroker("mqtt://" + s.pillars.broker.Addr()).SetUsername(person).SetPassword(password).SetClientID("phone").SetAutoReconnect(false))
	token := c.Connect()
	require.True(t, token.WaitTimeout(chainWithin))
	require.NoError(t, token.Error())
	t.Cleanup(func() { c.Disconnect(0) })
	return func(at time.Time, lat float64) {
		token := c.Publish("owntracks/"+person+"/a1", 1, true, fmt.Sprintf(`{"_type":"location","lat":%g,"lon":115.99,"tst":%d}`, lat, at.Unix()))
		require.True(t, token.WaitTimeout(chainWithin))
		require.NoError(t, token.Error())
	}
}

func (s *Station) kept(t *testing.T, person string) (lats []float64) {
	track, err := s.store.Positions(person).Read(time.Now().Add(-48*time.Hour), time.Now().Add(time.Hour))
	require.NoError(t, err)
	for _, fix := range track {
		lats = append(lats, fix.Position.Lat)
	}
	return lats
}

// TestPositionsOfPeopleOnDutyOnly: of somebody off duty nothing is kept and
// nothing is known; nor of the time before he was on duty.
func TestPositionsOfPeopleOnDutyOnly(t *testing.T) {
	s := patrolled(t)
	zhang, li := s.phone(t, "zhang", "secret"), s.phone(t, "li", "other")
	before := time.Now().Add(-time.Minute)
	zhang(time.Now(), 1)
	s.setDuty(t, desk.DutyIn{Team: "t1", On: true})
	zhang(before, 2)
	now := time.Now().Add(2 * time.Second) // tst counts whole seconds: the word must not be later
	zhang(now, 3)
	li(now, 4)
	require.Equal(t, []float64{3}, s.kept(t, "zhang"), "1 and 2 were measured off duty")
	require.Empty(t, s.kept(t, "li"))
	fix, known := s.positions.Newest("zhang")
	require.True(t, known)
	require.Equal(t, 3.0, fix.Position.Lat)
	_, known = s.positions.Newest("li")
	require.False(t, known)
	require.EqualValues(t, map[string]uint64{"": 1, fixOffDuty: 3}, s.positions.counts)

	// A restart recalls it; another word ends it at once.
	again := s.newPositions()
	fix, known = again.Newest("zhang")
	require.True(t, known)
	require.Equal(t, 3.0, fix.Position.Lat)
	s.setDuty(t, desk.DutyIn{Person: "zhang", On: false})
	eventually(t, func() bool { _, known := s.positions.Newest("zhang"); return !known })
	_, known = s.newPositions().Newest("zhang")
	require.False(t, known, "a start recalls nobody who is off duty")
	zhang(now.Add(time.Second), 5)
	require.Equal(t, []float64{3}, s.kept(t, "zhang"))
	require.Zero(t, s.pillars.broker.Stats().Retained)
	records, err := s.journal.Read(0, 100)
	require.NoError(t, err)
	for _, rec := range records {
		require.NotContains(t, string(rec.Event.Data), "115.99", "a position never gets into the journal")
	}
}

// TestAPhoneThatFloods is cut short, and health says whose it is; one that the
// broker refuses is named too.
func TestAPhoneThatFloods(t *testing.T) {
	s := patrolled(t)
	s.setDuty(t, desk.DutyIn{Person: "li", On: true})
	at := time.Now().Add(2 * time.Second)
	why := ""
	for n := 0; why != fixFlood; n++ { // however slow the box is: one more is allowed each second
		require.Less(t, n, 10*fixesAtOnce)
		var err error
		why, err = s.positions.take(t.Context(), ingest.Fix{Person: "li", At: at, Position: ingest.Position{Lat: 1, Lon: 1}})
		require.NoError(t, err)
	}
	require.Len(t, s.kept(t, "li"), 1, "one a second")
	why, err := s.positions.take(t.Context(), ingest.Fix{Person: "nobody", At: at})
	require.NoError(t, err)
	require.Equal(t, fixUnknown, why)
	list := s.phoneFindings()
	require.Len(t, list, 1)
	require.Equal(t, "li", list[0].Subject)

	c := paho.NewClient(paho.NewClientOptions().AddBroker("mqtt://" + s.pillars.broker.Addr()).SetUsername("zhang").SetPassword("wrong").SetAutoReconnect(false))
	token := c.Connect()
	require.True(t, token.WaitTimeout(chainWithin))
	require.Error(t, token.Error())
	var codes []string
	for _, f := range s.pillarFindings() {
		codes = append(codes, f.Code+" "+f.Subject)
	}
	require.Equal(t, []string{"phone_refused zhang"}, codes)
	out := make(chan prometheus.Metric, 100)
	s.phones.collect(gatherer{out})
	require.Len(t, out, 8)
}

// TestOldPositionsAreKeptButNotShown: what a phone tells late is part of the
// track and not where its person is.
func TestOldPositionsAreKeptButNotShown(t *testing.T) {
	s := patrolled(t)
	s.setDuty(t, desk.DutyIn{Person: "li", On: true})
	at := time.Now()
	for _, second := range []int{10, 5, 12} {
		why, err := s.positions.take(t.Context(), ingest.Fix{Person: "li", At: at.Add(time.Duration(second) * time.Second), Position: ingest.Position{Lat: float64(second)}})
		require.NoError(t, err)
		require.Empty(t, why)
		fix, _ := s.positions.Newest("li")
		require.NotEqual(t, 5.0, fix.Position.Lat)
	}
	require.Equal(t, []float64{5, 10, 12}, s.kept(t, "li"))
	why, err := s.positions.take(t.Context(), ingest.Fix{Person: "li", At: at.Add(-25 * time.Hour)})
	require.NoError(t, err)
	require.Equal(t, fixOld, why)
}
