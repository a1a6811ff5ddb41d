package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/watchpost-edge/watchpost/firmware-sim/fault"
	"github.com/watchpost-edge/watchpost/firmware-sim/hq"
	"github.com/watchpost-edge/watchpost/firmware-sim/pillar"
)

const bodyMaxBytes = 64 << 10

// refusal is an answer that tells the caller what to do better.
type refusal struct {
	status int
	error
}

func refuse(status int, format string, args ...any) error {
	return refusal{status, fmt.Errorf(format, args...)}
}

// action is one thing that can be done to one device; its answer is JSON.
type action func(s *station, id string, body io.Reader) (any, error)

// actions beyond start, stop and kill, by kind and verb.
func actions() map[string]map[string]action {
	return map[string]map[string]action{
		"camera":  {"fault": (*station).setFault},
		"pillar":  {"press": (*station).press, "broker": (*station).setBroker},
		"drone":   {"target": (*station).setTarget},
		"phone":   {"broker": (*station).setPhoneBroker},
		"partner": {"broker": (*station).setPartnerBroker},
		"hq": {
			"accept": receiptOf("accepted"), "reject": receiptOf("rejected"),
			"incident": order("incident", "id"), "task": order("task", "id"), "cancel": (*station).cancelTask, "replay": order("replay", "request"),
			"receipts": (*station).setReceipts, "listen": (*station).listen,
		},
	}
}

func (s *station) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.state(), nil) })
	mux.HandleFunc("GET /hq/ledger", s.list((*hq.HQ).Ledger))
	mux.HandleFunc("GET /hq/orders", s.list(func(h *hq.HQ, _ int) ([]byte, error) { return h.Orders() }))
	mux.HandleFunc("GET /hq/clips", s.list(func(h *hq.HQ, _ int) ([]byte, error) { return h.Clips() }))
	mux.HandleFunc("POST /{kind}/{id}/{verb}", func(w http.ResponseWriter, r *http.Request) {
		body := http.MaxBytesReader(w, r.Body, bodyMaxBytes)
		out, err := s.act(r.PathValue("kind"), r.PathValue("id"), r.PathValue("verb"), body)
		answer(w, out, err)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		answer(w, nil, refuse(http.StatusNotFound, "%s %s: want GET /state, GET /hq/ledger, GET /hq/orders, GET /hq/clips or POST /{camera|pillar|drone|phone|partner|hq}/{id}/{verb}", r.Method, r.URL.Path))
	})
	return mux
}

func answer(w http.ResponseWriter, out any, err error) {
	status := http.StatusOK
	if err != nil {
		status = http.StatusInternalServerError
		var r refusal
		switch {
		case errors.As(err, &r):
			status = r.status
		case errors.Is(err, pillar.ErrOff), errors.Is(err, hq.ErrOff):
			status = http.StatusConflict
		}
		out = map[string]string{"error": err.Error()}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out) // the caller is gone: nobody to tell
}

// state is everything at once.
func (s *station) state() any {
	return map[string]any{
		"seed": s.seed, "at": stamp(time.Now()),
		"cameras": states(s.cameras), "pillars": states(s.pillars), "drones": states(s.drones), "phones": states(s.phones), "partners": states(s.partners), "hq": states(s.hq),
	}
}

func states[S any, D interface{ State() S }](devices map[string]D) map[string]S {
	out := make(map[string]S, len(devices))
	for id, d := range devices {
		out[id] = d.State()
	}
	return out
}

func (s *station) act(kind, id, verb string, body io.Reader) (any, error) {
	more, ok := actions()[kind]
	if !ok {
		return nil, refuse(http.StatusNotFound, "%q: want camera, pillar, drone, phone, partner or hq", kind)
	}
	d, err := s.device(kind, id)
	if err != nil {
		return nil, err
	}
	on := true
	switch verb {
	case "start":
		if err := d.on(); err != nil {
			return nil, err
		}
	case "stop":
		d.off(errSwitchedOff)
		on = false
	case "kill":
		d.off(fault.ErrKilled)
		on = false
	default:
		do, ok := more[verb]
		if !ok {
			known := append([]string{"start", "stop", "kill"}, slices.Sorted(maps.Keys(more))...)
			return nil, refuse(http.StatusNotFound, "%s %q: want %s", kind, verb, strings.Join(known, ", "))
		}
		return do(s, id, body)
	}
	return map[string]any{"kind": kind, "id": id, "running": on}, nil
}

func (s *station) device(kind, id string) (*device, error) {
	var known []string
	for _, d := range s.devices {
		if d.kind == kind && d.id == id {
			return d, nil
		}
		if d.kind == kind {
			known = append(known, d.id)
		}
	}
	if len(known) == 0 {
		return nil, refuse(http.StatusNotFound, "%s %q: none is configured", kind, id)
	}
	return nil, refuse(http.StatusNotFound, "%s %q: known are %s", kind, id, strings.Join(known, ", "))
}

// read takes a JSON body into fields; an empty body leaves them as they are.
func read(body io.Reader, fields any) error {
	dec := json.NewDecoder(body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(fields); err != nil && !errors.Is(err, io.EOF) {
		return refuse(http.StatusBadRequest, "read body: %w", err)
	}
	return nil
}

func (s *station) setFault(id string, body io.Reader) (any, error) {
	var in struct {
		Name    string  `json:"name"`
		Seconds float64 `json:"seconds"`
	}
	if err := read(body, &in); err != nil {
		return nil, err
	}
	f, err := fault.Named(in.Name)
	if err != nil {
		return nil, refusal{http.StatusBadRequest, err}
	}
	if in.Seconds < 0 {
		return nil, refuse(http.StatusBadRequest, "seconds %g: want 0 (until cleared) or more", in.Seconds)
	}
	if f.Resizes && !s.cameras[id].HasOther() {
		return nil, refuse(http.StatusBadRequest, "name %q: camera %s has no other size; give it one (other: FILE)", in.Name, id)
	}
	s.faults[id].Set(f, time.Duration(in.Seconds*float64(time.Second)))
	return s.faults[id].Status(), nil
}

func (s *station) press(id string, body io.Reader) (any, error) {
	in := struct {
		Kind string `json:"kind"`
	}{"alarm"}
	if err := read(body, &in); err != nil {
		return nil, err
	}
	if !slices.Contains(pillar.Kinds(), in.Kind) {
		return nil, refuse(http.StatusBadRequest, "kind %q: want one of %s", in.Kind, strings.Join(pillar.Kinds(), ", "))
	}
	return s.pillars[id].Press(in.Kind)
}

func (s *station) setBroker(id string, body io.Reader) (any, error) {
	return s.setURL(body, s.pillars[id].SetBroker)
}

func (s *station) setPhoneBroker(id string, body io.Reader) (any, error) {
	return s.setURL(body, s.phones[id].SetBroker)
}

func (s *station) setPartnerBroker(id string, body io.Reader) (any, error) {
	return s.setURL(body, s.partners[id].SetBroker)
}

func (s *station) setTarget(id string, body io.Reader) (any, error) {
	return s.setURL(body, s.drones[id].SetTarget)
}

// setURL hands on an address that was not known when the station started.
func (s *station) setURL(body io.Reader, set func(string) error) (any, error) {
	var in struct {
		URL string `json:"url"`
	}
	if err := read(body, &in); err != nil {
		return nil, err
	}
	if err := set(in.URL); err != nil {
		return nil, refusal{http.StatusBadRequest, err}
	}
	return in, s.writeAddresses()
}

func (s *station) setReceipts(name string, body io.Reader) (any, error) {
	var in struct {
		Mode string `json:"mode"`
	}
	if err := read(body, &in); err != nil {
		return nil, err
	}
	if err := s.hq[name].SetReceipts(in.Mode); err != nil {
		return nil, refusal{http.StatusBadRequest, err}
	}
	return in, nil
}

func (s *station) listen(name string, body io.Reader) (any, error) {
	in := struct {
		On bool `json:"on"`
	}{true}
	if err := read(body, &in); err != nil {
		return nil, err
	}
	return in, s.hq[name].Listen(in.On)
}

// receiptOf answers one event by hand.
func receiptOf(result string) action {
	return func(s *station, name string, body io.Reader) (any, error) {
		in := struct {
			ID     string `json:"id"`
			By     string `json:"by"`
			Reason string `json:"reason"`
		}{By: name}
		if err := read(body, &in); err != nil {
			return nil, err
		}
		if in.ID == "" {
			return nil, refuse(http.StatusBadRequest, "id: missing")
		}
		return s.hq[name].Order("receipt", map[string]any{"id": in.ID, "result": result, "by": in.By, "reason": in.Reason, "at": stamp(time.Now())})
	}
}

// order sends whatever the caller wrote, with an id and a time where it has
// none: so that what a box must refuse can be sent too.
func order(leaf, idField string) action {
	return func(s *station, name string, body io.Reader) (any, error) {
		fields := map[string]any{}
		if err := read(body, &fields); err != nil {
			return nil, err
		}
		if _, ok := fields[idField]; !ok {
			fields[idField] = ulid.Make().String()
		}
		if _, ok := fields["at"]; !ok && leaf == "incident" {
			fields["at"] = stamp(time.Now())
		}
		return s.hq[name].Order(leaf, fields)
	}
}

// cancelTask takes back a task that headquarters ordered: its id, and why.
func (s *station) cancelTask(name string, body io.Reader) (any, error) {
	var in struct{ ID, Reason, By string }
	if err := read(body, &in); err != nil {
		return nil, err
	}
	if in.ID == "" || in.Reason == "" {
		return nil, refuse(http.StatusBadRequest, "id %q, reason %q: want the task's id and why it is cancelled", in.ID, in.Reason)
	}
	return s.hq[name].Order("task", map[string]any{"id": in.ID, "cancel": true, "reason": in.Reason, "by": in.By})
}

// list answers with what one headquarters has on disk (?name=), or all of
// them one after another; ?after=N leaves out the first N lines of each.
func (s *station) list(read func(*hq.HQ, int) ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		out, err := s.collect(r.URL.Query().Get("name"), r.URL.Query().Get("after"), read)
		answer(w, out, err)
	}
}

func (s *station) collect(name, after string, read func(*hq.HQ, int) ([]byte, error)) ([]json.RawMessage, error) {
	skip := 0
	if after != "" {
		var err error
		if skip, err = strconv.Atoi(after); err != nil || skip < 0 {
			return nil, refuse(http.StatusBadRequest, "after %q: want a number", after)
		}
	}
	names := slices.Sorted(maps.Keys(s.hq))
	if name != "" {
		if _, err := s.device("hq", name); err != nil {
			return nil, err
		}
		names = []string{name}
	}
	out := []json.RawMessage{}
	for _, name := range names {
		raw, err := read(s.hq[name], skip)
		if err != nil {
			return nil, err
		}
		var lines []json.RawMessage
		if err := json.Unmarshal(raw, &lines); err != nil {
			return nil, fmt.Errorf("read lines of hq %s: %w", name, err)
		}
		out = append(out, lines...)
	}
	return out, nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
