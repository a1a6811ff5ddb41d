package wall

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// Limits and times of event streams.
const (
	streamsMax     = 128
	heartbeatEvery = 10 * time.Second
	retryMS        = 1000                  // what a browser waits before it comes back
	batchEvery     = 15 * time.Millisecond // the first change goes out at once, what follows within it together
)

// events streams changes and live facts. Nothing is queued for a client: when
// it has taken what was written, it gets the present version of all that was
// touched in the meantime.
func (s *Server) events(c *fiber.Ctx, who caller) error {
	place, err := s.streamStart(c)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set("X-Accel-Buffering", "no")
	c.Set("As-Of", s.asOf(place))
	if c.Method() == fiber.MethodHead {
		return c.SendStatus(http.StatusOK)
	}
	select {
	case s.open <- struct{}{}:
	default:
		return later(fault(http.StatusServiceUnavailable, "streams_exhausted", "close a page of the wall", "%d event streams are open", streamsMax), 5*time.Second)
	}
	s.streams.Add(1)
	s.m.streams.Inc()
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer func() {
			<-s.open
			s.m.streams.Dec()
			s.streams.Done()
		}()
		stream := &stream{server: s, w: w, who: who, place: place}
		if err := stream.run(s.ctx); err != nil && s.ctx.Err() == nil {
			s.o.Log.Debug("event stream ended", "user", who.name, "remote", who.remote, "why", err)
		}
	})
	return nil
}

// streamStart is the place that the client has. Whether it can still be
// continued from is asked before the answer begins: 410 otherwise.
func (s *Server) streamStart(c *fiber.Ctx) (uint64, error) {
	field, text := "Last-Event-ID", c.Get("Last-Event-ID")
	if text == "" {
		field, text = "after", c.Query("after")
	}
	if text == "" {
		return s.view(func(*desk.State) {})
	}
	place, err := s.parsePlace(field, text)
	if err != nil {
		return 0, err
	}
	ctx, cancel := s.within()
	defer cancel()
	_, _, err = s.o.Desk.Since(ctx, place)
	return place, err
}

// stream is one client.
type stream struct {
	server *Server
	w      *bufio.Writer
	who    caller
	place  uint64     // everything up to it was sent
	shift  *shiftNews // that was sent; nil: none yet
	duties duties     // likewise
	sent   time.Time  // when changes were sent last
}

var errLoginEnded = errors.New("the login has ended")

func (st *stream) run(ctx context.Context) error {
	if _, err := fmt.Fprintf(st.w, "retry: %d\n\n", retryMS); err != nil {
		return err
	}
	heartbeat, still := time.NewTicker(heartbeatEvery), time.NewTicker(st.server.o.Limits.Still)
	defer heartbeat.Stop()
	defer still.Stop()
	newer, err := st.sendState()
	if err != nil {
		return err
	}
	for {
		changed := st.server.o.Desk.Changed()
		if err := st.sendChanges(ctx); err != nil {
			return err
		}
		if err := st.w.Flush(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			if !pause(ctx, batchEvery-time.Since(st.sent)) {
				return nil
			}
			st.sent = time.Now()
		case <-newer:
			if newer, err = st.sendState(); err != nil {
				return err
			}
		case <-heartbeat.C:
			if _, err := st.w.WriteString(": still here\n\n"); err != nil {
				return err
			}
		case <-still.C:
			if !st.server.still(st.who) {
				return errLoginEnded
			}
		}
	}
}

// pause waits; false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// sendChanges writes each resource touched since. The id stands at the last
// one of a place only: a client that comes back with it has them all.
func (st *stream) sendChanges(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, handleWithin)
	defer cancel()
	changes, asOf, err := st.server.o.Desk.Since(ctx, st.place)
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		st.place = max(st.place, asOf)
		return st.sendShift()
	}
	named, err := st.server.names(changes)
	if err != nil {
		return err
	}
	for _, change := range changes {
		if st.server.hides(st.who, change.Resource) {
			continue // a client that comes back gets what follows anew
		}
		resource := tidy(change.Resource, named)
		data, err := json.Marshal(resource)
		if err != nil {
			return fmt.Errorf("encode %s %s: %w", change.Kind, change.ID, err)
		}
		id := ""
		if change.Last {
			id = "id: " + st.server.asOf(change.Touched) + "\n"
		}
		if _, err := fmt.Fprintf(st.w, "event: %s\n%sdata: %s\n\n", eventName(change.Kind, resource), id, data); err != nil {
			return err
		}
	}
	st.place = max(st.place, asOf)
	return st.sendShift()
}

// shiftNews is what the stream tells of a shift's handover: which one waits.
type shiftNews struct {
	Handover string `json:"handover"` // empty: none
	Overdue  bool   `json:"overdue"`
}

// sendShift tells whoever may hand over that a handover waits, or no more does;
// a new stream always, for what its client knows may be old.
func (st *stream) sendShift() error {
	rule, known := st.server.table.Rule(http.MethodGet, apiV1+"/handover")
	if !known || !rule.Allows(st.who.role) {
		return nil
	}
	var news shiftNews
	if _, err := st.server.view(func(state *desk.State) {
		if open := state.Handover(); open != nil {
			news = shiftNews{open.ID, open.Overdue}
		}
	}); err != nil || st.shift != nil && news == *st.shift {
		return err
	}
	st.shift = &news
	return st.tell("handover", news)
}

// eventName is the kind, but for an uplink: a device with its own event.
func eventName(kind string, resource any) string {
	if device, ok := resource.(*desk.Device); ok && device.Type == "uplink" {
		return "uplink"
	}
	return kind
}

// sendState tells the live facts and what forces and partners are about; what
// it returns closes when there is more to tell.
func (st *stream) sendState() (newer <-chan struct{}, err error) {
	state, duties, newer := st.server.state.get(st.who, st.server)
	if state == nil {
		return newer, nil
	}
	if _, err := fmt.Fprintf(st.w, "event: state\ndata: %s\n\n", state); err != nil {
		return newer, err
	}
	return newer, st.sendDuties(duties)
}
