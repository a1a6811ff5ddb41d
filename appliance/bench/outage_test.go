package bench_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge/uplink/uplinktest"
)

// kill says when SIGKILL comes to the station's side.
type kill string

const (
	never      kill = "no-kill"
	halfway    kill = "killed-halfway"    // half of the alarms are stored
	afterwards kill = "killed-afterwards" // all are, and the line is still away
)

const (
	outageAlarms = 5000
	absentFor    = 2 * time.Second  // headquarters, after its line has come back
	silentFor    = 15 * time.Second // then nothing more is coming: mosquitto's bridge takes 6 s to try again
)

// BenchmarkOutage is the mosquitto case: so many alarms during an outage, each
// acknowledged to its sender, into a broker with its default limits whose
// subscriber is absent and returns; the sender's box is killed, or not. Both
// get the same alarms, the same kill, the same line.
func BenchmarkOutage(b *testing.B) {
	for _, when := range []kill{never, halfway, afterwards} {
		for _, who := range []string{"mosquitto-bridge", "watchpost"} {
			b.Run(string(when)+"/"+who, func(b *testing.B) {
				for b.Loop() {
					began := time.Now()
					got := outage(b, who, when, outageAlarms, absentFor)
					b.ReportMetric(float64(got.arrived), "arrived")
					b.ReportMetric(outageAlarms, "stored")
					b.ReportMetric(float64(got.late), "out-of-order")
					b.ReportMetric(float64(got.twice), "twice")
					b.ReportMetric(0, "ns/op")
					b.Logf("%s, %s: %d of %d arrived, %d out of order, %d twice in effect, in %s", who, when, got.arrived, outageAlarms, got.late, got.twice, time.Since(began).Round(time.Millisecond))
					if who == "watchpost" {
						require.Equal(b, arrivals{arrived: outageAlarms}, got)
					}
				}
			})
		}
	}
}

// TestOutage is its short form.
func TestOutage(t *testing.T) {
	const alarms = 200
	for _, when := range []kill{halfway, afterwards} {
		require.Equal(t, arrivals{arrived: alarms}, outage(t, "watchpost", when, alarms, absentFor/10))
	}
}

// arrivals is what headquarters has in the end.
type arrivals struct {
	arrived int
	late    int // after one with a higher number
	twice   int // taken again
}

// ledger counts what arrives, by the alarm's own number.
type ledger struct {
	mu      sync.Mutex
	seen    map[string]bool
	highest string
	got     arrivals
	changed time.Time
}

func (l *ledger) take(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed = time.Now()
	switch {
	case l.seen[id]:
		l.got.twice++
	case id < l.highest:
		l.got.late++
		l.got.arrived++
	default:
		l.highest = id
		l.got.arrived++
	}
	l.seen[id] = true
}

// settled is what has arrived once nothing more is coming: nothing came for so
// long, or for a moment when all is there.
func (l *ledger) settled(want int, silent time.Duration) arrivals {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		<-tick.C
		l.mu.Lock()
		got, still := l.got, time.Since(l.changed)
		l.mu.Unlock()
		if got.arrived == want && still > silentFor/30 || still > silent {
			return got
		}
	}
}

// sender is the station's side: it has an alarm for good once store returns.
type sender interface {
	start(broker string)
	store(alarm string)
	begin(alarm string) // hands it over and does not wait
	kill()
}

func outage(t testing.TB, who string, when kill, alarms int, absent time.Duration) arrivals {
	far := uplinktest.NewMosquitto(t)
	far.Bare = true
	far.Start()
	book := &ledger{seen: map[string]bool{}}
	var station sender
	var arrive func()
	if who == "watchpost" {
		station = &watchpost{t: t, dir: t.TempDir()}
		arrive = func() { newListener(t, far.Addr(), book) }
	} else {
		station = newBridge(t)
		arrive = func() { subscribe(t, far.Addr(), book) }
		subscribe(t, far.Addr(), book).Disconnect(250) // known to the broker, and absent
	}
	line := uplinktest.NewCable(t, far.Addr())
	line.Hold(true)
	station.start(line.Addr())
	for n := range alarms {
		if when == halfway && n == alarms/2 {
			station.begin(alarm(n)) // its sender gets no answer and sends it again
			station.kill()
			station.start(line.Addr())
		}
		station.store(alarm(n))
	}
	if when == afterwards {
		station.kill()
		station.start(line.Addr())
	}
	line.Cut()
	line.Hold(false)
	<-time.After(absent)
	book.changed = time.Now()
	arrive()
	if who == "watchpost" { // all of it comes, however busy the machine is
		return book.settled(alarms, patience)
	}
	return book.settled(alarms, silentFor)
}

func alarm(n int) string { return fmt.Sprintf("01JD%022d", n) }

// watchpost is a box's journal, forwarder and uplink.
type watchpost struct {
	t   testing.TB
	dir string
	*box
}

func (w *watchpost) start(broker string) { w.box = startBox(w.t, w.dir, broker) }
func (w *watchpost) begin(alarm string)  { w.tell("alarm " + alarm + " P1") }
func (w *watchpost) store(alarm string) {
	require.Contains(w.t, []string{"stored", "duplicate"}, w.ask("alarm "+alarm+" P1"))
}

func newListener(t testing.TB, broker string, book *ledger) {
	h := newHeadquarters(t, broker)
	h.look(func() { h.taken = book.take })
}

// subscribe is a plain subscriber with a session of its own at the broker.
func subscribe(t testing.TB, broker string, book *ledger) paho.Client {
	t.Helper()
	c := paho.NewClient(paho.NewClientOptions().AddBroker("mqtt://" + broker).SetClientID("hq").SetCleanSession(false).
		SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
			var e struct {
				ID string `json:"id"`
			}
			if json.Unmarshal(m.Payload(), &e) == nil {
				book.take(e.ID)
			}
		}))
	done(t, c.Connect())
	done(t, c.Subscribe(bridgeTopic, 1, nil))
	t.Cleanup(func() { c.Disconnect(100) })
	return c
}

// payload is as long as Watchpost's event.
func payload(alarm string) string {
	return fmt.Sprintf(`{"id":%q,"data":%q}`, alarm, strings.Repeat("x", 540))
}
