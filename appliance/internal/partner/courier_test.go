package partner_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/partner"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
	"github.com/watchpost-edge/watchpost/bridge/uplink/uplinktest"
	"github.com/watchpost-edge/watchpost/bridge/uplink/webhook"
	"github.com/watchpost-edge/watchpost/ingest"
)

const patience = time.Minute // generous: shared machines

// station is a desk over a real journal, with three partners.
type station struct {
	*desk.Desk
	t testing.TB
	j *journal.Journal
}

func setup() desk.Setup {
	return desk.Setup{
		Station: "test", Box: "a",
		Partners: []desk.Partner{{ID: "lights", Line: "webhook"}, {ID: "works", Line: "webhook", Pictures: true}, {ID: "council", Line: "mqtt"}},
		Classes: []desk.RouteClass{{ID: "c", Name: "市政设施", Kinds: []desk.RouteKind{
			{ID: "light", Name: "路灯不亮", Partners: []string{"lights"}, Limit: time.Hour},
			{ID: "road", Name: "路面塌陷", Partners: []string{"lights", "works"}, Limit: time.Hour},
			{ID: "quarrel", Name: "邻里纠纷", Partners: []string{"council"}, Limit: time.Hour},
		}}},
		Cameras: []desk.Camera{{ID: "gate"}},
		Places:  []desk.Place{{ID: "bxj", Name: "步行街", AddressCode: "360111", Beat: "b2", Polygon: [][2]float64{{28.6, 115.9}, {28.6, 116}, {28.7, 116}}}},
	}
}

func newStation(t testing.TB) *station {
	j, err := journal.Open(journal.Options{Dir: t.TempDir(), Source: "/stations/test/boxes/a"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	s := &station{t: t, j: j}
	s.restart()
	return s
}

// restart makes the desk anew from its journal, as after a kill.
func (s *station) restart() {
	d, err := desk.New(setup(), s.j, desk.SystemClock(), slog.New(slog.DiscardHandler), rand.Reader)
	require.NoError(s.t, err)
	require.NoError(s.t, d.Open(context.Background()))
	s.Desk = d
}

func (s *station) do(in desk.Input) desk.Result {
	s.t.Helper()
	result, err := s.Handle(context.Background(), in)
	require.NoError(s.t, err)
	return result
}

// route reports an incident and gives it to the kind's partners.
func (s *station) route(kind string) (orders []string) {
	s.t.Helper()
	li := desk.Actor{Name: "li", Role: "operator"}
	told := s.do(desk.ReportIn{Source: "call_110", Kind: kind + time.Now().String(), Place: "bxj", Note: "报警人张三，电话 138", By: li})
	s.do(desk.RouteIn{Incident: told.Incident, Kind: kind, Note: "南口", By: li})
	_, err := s.View(context.Background(), func(state *desk.State) {
		for _, task := range state.TasksOf(told.Incident) {
			orders = append(orders, task.ID)
		}
	})
	require.NoError(s.t, err)
	return orders
}

func (s *station) task(id string) (task *desk.Task) {
	_, err := s.View(context.Background(), func(state *desk.State) { task = state.Task(id) })
	require.NoError(s.t, err)
	return task
}

func (s *station) delivered(id string) bool { return !s.task(id).Order.DeliveredAt.IsZero() }

// count is how many events of a type the journal holds.
func (s *station) count(typ string) (n int) {
	records, err := s.j.Read(0, 10_000)
	require.NoError(s.t, err)
	for _, rec := range records {
		if rec.Event.Type == typ {
			n++
		}
	}
	return n
}

// courier runs one until stop or the test's end.
func (s *station) courier(of string, line bridge.Uplink, change ...func(*partner.Options)) (c *partner.Courier, stop func()) {
	o := partner.Options{
		Partner: of, Line: line, Desk: s.Desk, Age: time.Hour, Sender: partner.Sender{Source: "/stations/test/boxes/a", Station: "测试派出所"},
		Pace: ingest.Pace{First: 10 * time.Millisecond, Max: 50 * time.Millisecond}, Log: slog.New(slog.NewTextHandler(s.t.Output(), nil)),
		Hopeless: func(err error) bool {
			var forbidden *desk.ForbiddenError
			var invalid *desk.InvalidError
			return errors.As(err, &forbidden) || errors.As(err, &invalid)
		},
	}
	for _, one := range change {
		one(&o)
	}
	c = partner.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(s.t, <-ended)
	})
	s.t.Cleanup(stop)
	return c, stop
}

// system is a partner's own program behind a webhook.
type system struct {
	t      testing.TB
	addr   string
	server *http.Server

	mu     sync.Mutex
	got    []partner.Message
	raw    []string
	answer func(partner.Message) int // nil: 204
}

func newSystem(t testing.TB) *system {
	return &system{t: t, addr: uplinktest.FreeAddr(t)}
}

func (s *system) start() *system {
	l, err := net.Listen("tcp", s.addr)
	require.NoError(s.t, err)
	server := &http.Server{Handler: s, ReadHeaderTimeout: patience}
	s.server = server
	go func() { _ = server.Serve(l) }()
	s.t.Cleanup(func() { _ = server.Close() })
	return s
}

func (s *system) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if err := uplinktest.CheckSignature(r.Header, body); err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	var messages []partner.Message
	if err := json.Unmarshal(body, &messages); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	code := http.StatusNoContent
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range messages {
		s.got, s.raw = append(s.got, m), append(s.raw, string(body))
		if r.Header.Get("webhook-id") != "order/"+m.ID {
			code = http.StatusTeapot
		}
		if s.answer != nil {
			code = s.answer(m)
		}
	}
	w.WriteHeader(code)
}

// ids are those of the messages that came, types what they tell.
func (s *system) ids() (ids, types []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.got {
		ids, types = append(ids, m.ID), append(types, strings.TrimPrefix(m.Type, "watchpost.order."))
	}
	return ids, types
}

func (s *system) line() bridge.Uplink {
	file := filepath.Join(s.t.TempDir(), "secret")
	require.NoError(s.t, os.WriteFile(file, []byte(uplinktest.Secret), 0o600))
	u, err := webhook.New(webhook.Options{URL: "http://" + s.addr + "/orders", SecretFile: file})
	require.NoError(s.t, err)
	return u
}

func eventually(t testing.TB, what func() bool) {
	t.Helper()
	require.Eventually(t, what, patience, 5*time.Millisecond)
}

// One partner's outage is nobody else's; what waited goes in order.
func TestOutageOfOnePartner(t *testing.T) {
	s := newStation(t)
	up, down := newSystem(t).start(), newSystem(t)
	s.courier("lights", up.line())
	c, _ := s.courier("works", down.line())
	first := s.route("road")
	second := s.route("road")
	eventually(t, func() bool { return s.delivered(first[0]) && s.delivered(second[0]) })
	require.False(t, s.delivered(first[1]))
	eventually(t, func() bool { return c.Status().Why != "" })
	require.False(t, c.Status().Connected)
	s.do(desk.TaskActionIn{Task: second[1], Verb: "cancel", Reason: "重复", By: desk.Actor{Name: "li", Role: "operator"}})

	down.start()
	eventually(t, func() bool { _, types := down.ids(); return len(types) == 3 })
	_, types := down.ids()
	require.Equal(t, []string{"issued", "issued", "cancelled"}, types)
	require.Equal(t, []string{first[1], second[1], second[1]}, []string{down.got[0].Data.Order, down.got[1].Data.Order, down.got[2].Data.Order})
	eventually(t, func() bool { return c.Status().Sent == 3 })
	require.True(t, c.Status().Connected)
	require.Equal(t, 5, s.count(desk.TypeTaskDelivered))
}

// What a partner is told, and that it is all that it is told.
func TestWhatLeaves(t *testing.T) {
	s := newStation(t)
	lights := newSystem(t).start()
	s.courier("lights", lights.line())
	order := s.route("light")[0]
	eventually(t, func() bool { return s.delivered(order) })
	var sent []map[string]any
	require.NoError(t, json.Unmarshal([]byte(lights.raw[0]), &sent))
	data := sent[0]["data"].(map[string]any)
	keys := []string{}
	for key := range data {
		keys = append(keys, key)
	}
	require.ElementsMatch(t, []string{
		"schema", "order", "number", "station", "class", "class_name", "kind", "kind_name", "note", "place", "address_code", "position", "occurred_at", "issued_at", "limit",
	}, keys)
	require.Equal(t, []any{order, "light", "路灯不亮", "南口", "步行街", "360111", "测试派出所"},
		[]any{data["order"], data["kind"], data["kind_name"], data["note"], data["place"], data["address_code"], data["station"]})
	for _, secret := range []string{"张三", "138", "call_110", "b2"} {
		require.NotContains(t, lights.raw[0], secret)
	}
}

// dying is a desk whose process is killed as it is told of a delivery.
type dying struct {
	*desk.Desk
	kill func()
}

func (d dying) Handle(ctx context.Context, in desk.Input) (desk.Result, error) {
	if _, is := in.(desk.DeliveredIn); is {
		d.kill()
		return desk.Result{}, errors.New("killed")
	}
	return d.Desk.Handle(ctx, in)
}

// Killed after the partner has the order and before the journal says so: it
// comes once more under the same id, and is once in effect.
func TestKilledBetweenDeliveryAndJournal(t *testing.T) {
	s := newStation(t)
	lights := newSystem(t).start()
	killed := make(chan struct{})
	_, stop := s.courier("lights", lights.line(), func(o *partner.Options) {
		o.Desk = dying{s.Desk, sync.OnceFunc(func() { close(killed) })}
	})
	order := s.route("light")[0]
	<-killed
	stop()
	require.False(t, s.delivered(order))
	s.restart()
	before, _ := lights.ids()
	s.courier("lights", lights.line())
	eventually(t, func() bool { return s.delivered(order) })
	ids, _ := lights.ids()
	require.Greater(t, len(ids), len(before))
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	require.Equal(t, 1, s.count(desk.TypeTaskDelivered))
}

// What a partner's system refuses is set aside with its reason, and what is
// behind it goes on; what it cannot take now is tried again.
func TestRefusedAndBusy(t *testing.T) {
	s := newStation(t)
	lights := newSystem(t)
	busy := 2
	var odd string
	lights.answer = func(m partner.Message) int {
		switch {
		case m.Data.Order == odd:
			return http.StatusUnprocessableEntity
		case busy > 0:
			busy--
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	}
	odd = s.route("light")[0]
	next := s.route("light")[0]
	lights.start()
	s.courier("lights", lights.line())
	eventually(t, func() bool { return s.delivered(next) })
	require.Contains(t, s.task(odd).Order.SetAside, "422")
	require.False(t, s.delivered(odd))
	require.Equal(t, desk.Issued, s.task(odd).State, "somebody has to call: it stays open, and is overdue when its time comes")
}

// What has waited for too long is set aside, and said.
func TestStaleIsSetAside(t *testing.T) {
	s := newStation(t)
	order := s.route("light")[0]
	s.courier("lights", newSystem(t).line(), func(o *partner.Options) { o.Age = time.Nanosecond })
	eventually(t, func() bool { return s.task(order).Order.SetAside != "" })
	require.Contains(t, s.task(order).Order.SetAside, "its line was not there since")
	require.Equal(t, 1, s.count(desk.TypeTaskUndeliverable))
}

// A picture goes only where it is configured, and an order does not wait for
// one that is gone.
func TestPictures(t *testing.T) {
	s := newStation(t)
	hash := strings.Repeat("ab", 32)
	works, lights := newSystem(t).start(), newSystem(t).start()
	var asked atomic.Int32
	give := func(o *partner.Options) {
		o.Picture = func(string) ([]byte, error) {
			if asked.Add(1) == 1 {
				return []byte("jpeg"), nil
			}
			return nil, os.ErrNotExist
		}
	}
	seen := s.do(sightingIn(hash)).Incident
	s.do(desk.RouteIn{Incident: seen, Kind: "road", By: desk.Actor{Name: "li", Role: "operator"}})
	s.courier("lights", lights.line(), give)
	s.courier("works", works.line(), give)
	eventually(t, func() bool { return s.count(desk.TypeTaskDelivered) == 2 })
	require.Nil(t, lights.got[0].Data.Picture)
	require.Equal(t, &partner.Picture{SHA256: hash, JPEG: "anBlZw=="}, works.got[0].Data.Picture)
	again := s.do(sightingIn(hash)).Incident
	s.do(desk.TaskIn{To: "works", Note: "再看一次", Incident: again, By: desk.Actor{Name: "li", Role: "operator"}})
	eventually(t, func() bool { return s.count(desk.TypeTaskDelivered) == 3 })
	require.Nil(t, works.got[1].Data.Picture)
	require.Empty(t, works.got[1].Data.Kind, "an order that nobody routed has no kind")
}
