package e2e

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var soak = flag.Bool("soak", false, "hold every promised time without allowance: for a machine that does nothing else")

// A time is promised on a machine that has room for the box. Where the
// processors had no moment to spare, because others wanted them too, it may
// take so many times as long: then only what does not come at all, or comes by
// asking for it now and then, is told apart.
const (
	allowance = 30
	spare     = 0.1 // of all processors' time in each second around what is measured

	tileRate       = 20.0 // pictures a second of a camera with 25
	tileRateLoaded = 3.0  // more than stills that are asked for would give
)

// promised holds what something took, from a moment on, against its limit.
func (r *rig) promised(what string, from time.Time, took, limit time.Duration) {
	r.t.Helper()
	room := *soak || r.load.room(from, from.Add(took))
	r.t.Logf("%s: %v (room: %t)", what, took.Round(time.Millisecond), room)
	if !room {
		limit *= allowance
	}
	require.Less(r.t, took, limit, what)
}

// plays holds the rate of a camera's live tile: polled stills would fail.
func (r *rig) plays(b *browser, camera string) {
	r.t.Helper()
	began := time.Now()
	rate := b.rate(r.t, camera)
	room := *soak || r.load.room(began, time.Now())
	r.t.Logf("%s: %.1f pictures decoded a second (room: %t)", camera, rate, room)
	least := tileRate
	if !room {
		least = tileRateLoaded
	}
	require.GreaterOrEqual(r.t, rate, least)
}

// load is how busy the machine was, second by second.
type load struct {
	mu      sync.Mutex
	samples []sample
}

// sample is what /proc/stat counts, in ticks of all processors since the boot.
type sample struct {
	at          time.Time
	idle, total uint64
}

const sampleEvery = 250 * time.Millisecond

// watchLoad notes the load as long as the test runs.
func watchLoad(t *testing.T) *load {
	l, stop, stopped := &load{}, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for tick := time.NewTicker(sampleEvery); ; {
			l.note()
			select {
			case <-stop:
				tick.Stop()
				return
			case <-tick.C:
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-stopped
	})
	return l
}

// note adds a sample; where the system does not tell, there is none.
func (l *load) note() {
	f, err := os.Open("/proc/stat")
	if err != nil {
		return
	}
	defer f.Close()
	line, err := bufio.NewReader(f).ReadString('\n')
	if err != nil {
		return
	}
	var user, nice, system, idle, wait, irq, soft, steal uint64
	if _, err := fmt.Sscanf(strings.TrimPrefix(line, "cpu"), "%d %d %d %d %d %d %d %d", &user, &nice, &system, &idle, &wait, &irq, &soft, &steal); err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.samples = append(l.samples, sample{time.Now(), idle, user + nice + system + idle + wait + irq + soft + steal})
}

// room reports whether the processors had time to spare in each second from
// the one before a stretch of time to its end.
func (l *load) room(from, to time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	const second = int(time.Second / sampleEvery)
	seconds := 0
	for i := second; i < len(l.samples); i++ {
		a, b := l.samples[i-second], l.samples[i]
		if b.at.Before(from) || a.at.After(to) {
			continue
		}
		seconds++
		if b.at.Sub(a.at) > 2*time.Second || float64(b.idle-a.idle) < spare*float64(b.total-a.total) {
			return false
		}
	}
	return seconds > 0
}
