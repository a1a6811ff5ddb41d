package wall_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

func TestAnswersAreAsDescribed(t *testing.T) {
	b := newBox(t)
	pressed := b.press(t, "1")
	_, err := b.desk.Handle(t.Context(), desk.BlindIn{Camera: "east", Kind: "unseen", From: time.Now(), Why: "no answer"})
	require.NoError(t, err)
	clip := desk.Clip{ID: pressed.Incident + "-east-1", Part: "1", Incident: pressed.Incident, Camera: "east", From: bridge.At(time.Now()), To: bridge.At(time.Now()), SHA256: strings.Repeat("cd", 32), Bytes: 100}
	_, err = b.desk.Handle(t.Context(), desk.ClipIn{Clip: clip})
	require.NoError(t, err)
	c := b.as(t, "lead")

	room := c.get("/api/v1/room", "Room")
	require.Len(t, room["incidents"], 1)
	require.Len(t, room["alerts"], 1)
	require.Len(t, room["clips"], 1)
	require.Len(t, room["devices"], 4)
	c.get("/api/v1/session", "Session")
	c.get("/api/v1/incidents", "IncidentPage")
	one := c.get("/api/v1/incidents/"+pressed.Incident, "IncidentAnswer")
	require.Len(t, one["alerts"], 1)
	require.Len(t, one["clips"], 1)
	c.get("/api/v1/alerts", "AlertPage")
	c.get("/api/v1/cameras", "CameraPage")
	c.get("/api/v1/pillars", "PillarPage")
	c.get("/api/v1/drones", "DronePage")
	c.get("/api/v1/uplinks", "UplinkPage")
	require.Len(t, c.get("/api/v1/blind", "BlindPage")["items"], 1)
	c.get("/api/v1/health", "Health")
	c.get("/api/v1/drones/uav-1/track", "Track")
	require.NotEmpty(t, c.get("/api/v1/journal", "JournalPage")["items"])
	status, done := c.do("POST", "/api/v1/alerts/"+pressed.Alert+"/shown", object{"screen": "left"})
	require.Equal(t, 200, status)
	matches(t, "Done", done)
	for _, path := range []string{"/incidents/x", "/drones/x/track", "/cameras/x/snapshot.jpg", "/clips/x/1.mp4", "/snapshots/" + strings.Repeat("00", 32) + ".jpg"} {
		status, problem := c.do("GET", "/api/v1"+path, nil)
		require.Equal(t, 404, status, path)
		require.Contains(t, problem["code"], "_unknown", path)
	}
	require.Equal(t, 404, first(c.do("POST", "/api/v1/alerts/x/shown", object{"screen": "left"})))
}

func TestIncidentsLife(t *testing.T) {
	b := newBox(t)
	wang, li := b.as(t, "operator"), b.as(t, "lead")
	report := object{"source": "call_110", "kind": "theft", "place": "南口", "note": "a motorcycle"}
	status, body := wang.do("POST", "/api/v1/incidents", report, with("Idempotency-Key", "r-1"))
	require.Equal(t, 201, status)
	matches(t, "IncidentAnswer", body)
	id := body["incident"].(object)["id"].(string)
	_, again := wang.do("POST", "/api/v1/incidents", report, with("Idempotency-Key", "r-1"))
	require.Equal(t, id, again["incident"].(object)["id"], "a repeated call does nothing")
	require.Len(t, wang.get("/api/v1/incidents", "IncidentPage")["items"], 1)

	path := "/api/v1/incidents/" + id
	status, body = wang.do("POST", path+"/claim", nil)
	require.Equal(t, 200, status)
	require.Equal(t, "acknowledged", body["incident"].(object)["state"])
	require.Equal(t, "operator", body["incident"].(object)["claimed_by"])
	status, problem := li.do("POST", path+"/claim", nil)
	require.Equal(t, 409, status)
	require.Equal(t, "claimed_by_other", problem["code"])
	require.Equal(t, "operator", problem["by"])
	status, problem = wang.do("POST", path+"/acknowledge", object{})
	require.Equal(t, 409, status)
	require.Equal(t, "transition_illegal", problem["code"])
	require.Equal(t, "acknowledged", problem["state"])
	require.Contains(t, problem["possible"], "close")
	require.Equal(t, 200, first(wang.do("POST", path+"/note", object{"note": "patrol is near"})))
	status, problem = wang.do("POST", path+"/close", object{"result": "forgotten"})
	require.Equal(t, 422, status)
	require.Equal(t, "result", problem["field"])
	status, body = wang.do("POST", path+"/close", object{"result": "resolved", "reason": "found"})
	require.Equal(t, 200, status)
	require.Equal(t, "closed", body["incident"].(object)["state"])
	require.Equal(t, 200, first(wang.do("POST", path+"/reopen", object{"reason": "not found after all"})))
	require.Equal(t, 404, first(wang.do("POST", "/api/v1/incidents/x/claim", nil)))
}

func TestListsPage(t *testing.T) {
	b := newBox(t)
	c := b.as(t, "operator")
	for i := range 7 {
		require.Equal(t, 201, first(c.do("POST", "/api/v1/incidents", object{"source": "walk_in", "kind": "noise", "place": fmt.Sprint("街 ", i)})))
	}
	seen, cursor := map[any]bool{}, ""
	for pages := 1; ; pages++ {
		body := c.get("/api/v1/incidents?limit=3"+cursor, "IncidentPage")
		for _, one := range body["items"].([]any) {
			seen[one.(object)["id"]] = true
		}
		if body["cursor"] == nil {
			require.Equal(t, 3, pages)
			break
		}
		cursor = "&cursor=" + body["cursor"].(string)
	}
	require.Len(t, seen, 7)
	require.Empty(t, c.get("/api/v1/incidents?state=closed", "IncidentPage")["items"])
	require.Len(t, c.get("/api/v1/incidents?state=open,acknowledged&priority=P2", "IncidentPage")["items"], 7)

	lead := b.as(t, "lead")
	places, cursor := 0, ""
	for {
		body := lead.get("/api/v1/journal?limit=4"+cursor, "JournalPage")
		for _, one := range body["items"].([]any) {
			places++
			require.EqualValues(t, places, one.(object)["place"])
		}
		if body["cursor"] == nil {
			break
		}
		cursor = "&cursor=" + body["cursor"].(string)
	}
	require.GreaterOrEqual(t, places, 14)
}

// sse is one event of a stream.
type sse struct{ event, id, data string }

type listener struct {
	events chan sse
	status int
	asOf   string
	stop   func()
}

// listen follows the stream until the test ends.
func (c *client) listen(query string, headers ...header) *listener {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, "GET", c.url+"/api/v1/events"+query, nil)
	require.NoError(c.t, err)
	for _, h := range headers {
		h(r)
	}
	answer, err := c.http.Do(r)
	require.NoError(c.t, err)
	l := &listener{events: make(chan sse, 1000), status: answer.StatusCode, asOf: answer.Header.Get("As-Of")}
	ended := make(chan struct{})
	l.stop = func() {
		cancel()
		<-ended
	}
	go func() {
		defer close(ended)
		defer close(l.events)
		defer answer.Body.Close()
		read(answer.Body, l.events)
	}()
	c.t.Cleanup(l.stop)
	return l
}

func read(body io.Reader, events chan<- sse) {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	var one sse
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "event":
			one.event = value
		case "id":
			one.id = value
		case "data":
			one.data = value
		case "":
			if one.event != "" {
				events <- one
			}
			one = sse{}
		}
	}
}

// next waits for the next change of a resource; live facts and news are skipped.
func (l *listener) next(t *testing.T) sse {
	t.Helper()
	for {
		one := l.any(t)
		if !slices.Contains([]string{"state", "handover", "forces", "routing"}, one.event) {
			return one
		}
	}
}

// news waits for the next event of a name, which is no resource.
func (l *listener) news(t *testing.T, event string) object {
	t.Helper()
	for {
		if one := l.any(t); one.event == event {
			require.Empty(t, one.id, "it is news, not a resource")
			return decode(t, one.data)
		}
	}
}

func (l *listener) any(t *testing.T) sse {
	t.Helper()
	select {
	case one, ok := <-l.events:
		require.True(t, ok, "the stream has ended")
		return one
	case <-time.After(within):
		require.FailNow(t, "nothing came")
		return sse{}
	}
}

func decode(t *testing.T, text string) object {
	t.Helper()
	decoded := object{}
	require.NoError(t, json.Unmarshal([]byte(text), &decoded))
	return decoded
}

func TestEventsFollowTheRoom(t *testing.T) {
	b := newBox(t)
	c := b.as(t, "wall")
	asOf := c.get("/api/v1/room", "Room")["as_of"].(string)
	l := c.listen("?after=" + asOf)
	require.Equal(t, 200, l.status)
	state := l.any(t)
	require.Equal(t, "state", state.event)
	require.Empty(t, state.id)
	matches(t, "State", decode(t, state.data))

	pressed := b.press(t, "1")
	incident, alert := l.next(t), l.next(t)
	if incident.event != "incident" {
		incident, alert = alert, incident
	}
	require.Equal(t, "incident", incident.event)
	require.Equal(t, "alert", alert.event)
	matches(t, "Incident", decode(t, incident.data))
	matches(t, "Alert", decode(t, alert.data))
	require.Equal(t, pressed.Incident, decode(t, incident.data)["id"])

	_, err := b.desk.Handle(t.Context(), desk.DeviceIn{Device: "east", Type: "camera", State: "offline", Since: time.Now(), Why: "no answer"})
	require.NoError(t, err)
	device := l.next(t)
	require.Equal(t, "device", device.event)
	matches(t, "Device", decode(t, device.data))
	require.Equal(t, "东门", decode(t, device.data)["name"])
	_, err = b.desk.Handle(t.Context(), desk.DeviceIn{Device: "hq", Type: "uplink", State: "offline", Since: time.Now()})
	require.NoError(t, err)
	require.Equal(t, "uplink", l.next(t).event)
}

func TestEventsResumeWithoutALoss(t *testing.T) {
	b := newBox(t)
	c := b.as(t, "wall")
	last := c.get("/api/v1/room", "Room")["as_of"].(string)
	incidents := map[any]bool{}
	for round := range 10 {
		for i := range 3 {
			b.press(t, fmt.Sprint(round, "-", i))
			_, err := b.desk.Handle(t.Context(), desk.ReportIn{Source: "walk_in", Kind: "x", Place: "y", By: desk.Actor{Name: "li", Role: "operator"}})
			require.NoError(t, err)
		}
		l := c.listen("", with("Last-Event-ID", last))
		require.Equal(t, 200, l.status)
		for range 3 + round%3 { // cut somewhere, at times between two resources of one place
			one := l.next(t)
			if one.id != "" {
				last = one.id
			}
			if one.event == "incident" {
				incidents[decode(t, one.data)["id"]] = true
			}
		}
		l.stop()
	}
	l := c.listen("", with("Last-Event-ID", last))
	room := c.get("/api/v1/room", "Room")
	require.Eventually(t, func() bool {
		for {
			select {
			case one := <-l.events:
				if one.event == "incident" {
					incidents[decode(t, one.data)["id"]] = true
				}
				continue
			default:
			}
			return len(incidents) == len(room["incidents"].([]any))
		}
	}, within, 10*time.Millisecond)
}

func TestEventsOfAnotherEpochAreGone(t *testing.T) {
	b := newBox(t)
	c := b.as(t, "wall")
	status, problem := c.do("GET", "/api/v1/events?after=01ARZ3NDEKTSV4RRFFQ69G5FAV.3", nil)
	require.Equal(t, 410, status)
	require.Equal(t, "place_gone", problem["code"])
	require.Equal(t, 410, first(c.do("GET", "/api/v1/events", nil, with("Last-Event-ID", b.journal.Epoch()+".99999"))), "a place that is not yet")
	require.Equal(t, 400, first(c.do("GET", "/api/v1/events?after=yesterday", nil)))
}

func TestStateComesAtOnceWhenACameraTurns(t *testing.T) {
	b := newBox(t)
	l := b.as(t, "wall").listen("")
	next := func() (live bool, at time.Time) {
		state := l.news(t, "state")
		at, err := time.Parse(time.RFC3339Nano, state["at"].(string))
		require.NoError(t, err)
		return state["cameras"].([]any)[0].(object)["live"].(bool), at
	}
	live, before := next()
	require.True(t, live)
	// What does not turn comes once a second. A loaded machine may be late
	// itself, but not each time.
	last := time.Now().Add(within)
	for quick := false; !quick; {
		require.True(t, time.Now().Before(last), "it always came with the second only")
		want := !live
		b.station.set(func(s *station) { s.live = want })
		for live != want {
			var at time.Time
			live, at = next()
			quick, before = at.Sub(before) < 700*time.Millisecond, at
		}
	}
}

func TestStreamEndsWithTheLogin(t *testing.T) {
	b := newBox(t)
	c := b.as(t, "operator")
	l := c.listen("")
	l.any(t)
	require.Equal(t, 204, first(c.do("DELETE", "/api/v1/session", nil)))
	require.Eventually(t, func() bool {
		select {
		case _, ok := <-l.events:
			return !ok
		default:
			return false
		}
	}, within, time.Millisecond)
}

func TestClipsHaveRanges(t *testing.T) {
	b := newBox(t)
	pressed := b.press(t, "1")
	clip := desk.Clip{ID: pressed.Incident + "-east-1", Part: "1", Incident: pressed.Incident, Camera: "east", From: bridge.At(time.Now()), To: bridge.At(time.Now()), SHA256: strings.Repeat("cd", 32), Bytes: 100}
	_, err := b.desk.Handle(t.Context(), desk.ClipIn{Clip: clip})
	require.NoError(t, err)
	c := b.as(t, "wall")
	path := "/api/v1/clips/" + clip.ID + "/1.mp4"
	for _, tc := range []struct {
		asked, got string
		status     int
		content    string
	}{
		{"", "", 200, string(b.station.clip)},
		{"bytes=5-9", "bytes 5-9/100000", 206, "56789"},
		{"bytes=99995-", "bytes 99995-99999/100000", 206, "56789"},
		{"bytes=-3", "bytes 99997-99999/100000", 206, "789"},
		{"bytes=99998-200000", "bytes 99998-99999/100000", 206, "89"},
		{"bytes=200000-", "bytes */100000", 416, ""},
		{"bytes=0-1,5-6", "", 200, string(b.station.clip)},
		{"lines=0-1", "", 200, string(b.station.clip)},
	} {
		answer := c.raw("GET", path, nil, with("Range", tc.asked))
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		require.NoError(t, err)
		require.Equal(t, tc.status, answer.StatusCode, tc.asked)
		require.Equal(t, tc.got, answer.Header.Get("Content-Range"), tc.asked)
		if tc.status < 400 {
			require.Equal(t, tc.content, string(text), tc.asked)
			require.Equal(t, "video/mp4", answer.Header.Get("Content-Type"))
			require.Equal(t, "bytes", answer.Header.Get("Accept-Ranges"))
		}
	}
	answer := c.raw("GET", path, nil, with("If-None-Match", `"abc"`))
	answer.Body.Close()
	require.Equal(t, 304, answer.StatusCode)
	answer = c.raw("HEAD", path, nil)
	answer.Body.Close()
	require.EqualValues(t, 100000, answer.ContentLength)

	require.Len(t, b.seen("look_opened"), 1, "many requests are one look")
	require.Equal(t, "east", b.seen("look_opened")[0].Camera)

	_, err = b.desk.Handle(t.Context(), desk.ClipEvictedIn{Clip: clip.ID, Part: "1", Why: "age"})
	require.NoError(t, err)
	status, problem := c.do("GET", path, nil)
	require.Equal(t, 410, status)
	require.Equal(t, "clip_evicted", problem["code"])
}

func TestPicturesAndRecordings(t *testing.T) {
	b := newBox(t)
	c := b.as(t, "wall")
	for path, want := range map[string]string{
		"/api/v1/cameras/east/snapshot.jpg":                                               "\xff\xd8jpeg",
		"/api/v1/snapshots/" + strings.Repeat("ab", 32) + ".jpg":                          "\xff\xd8still",
		"/api/v1/cameras/east/clip.mp4?from=2026-01-01T00:00:00Z&to=2026-01-01T00:10:00Z": string(b.station.clip),
	} {
		answer := c.raw("GET", path, nil)
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		require.NoError(t, err)
		require.Equal(t, 200, answer.StatusCode, path)
		require.Equal(t, want, string(text), path)
	}
	require.Len(t, b.seen("look_opened"), 3)
	c.get("/api/v1/cameras/east/clip.json?from=2026-01-01T00:00:00Z&to=2026-01-01T00:10:00Z", "Cut")
	require.Equal(t, 422, first(c.do("GET", "/api/v1/cameras/east/clip.mp4?from=2126-01-01T00:00:00Z&to=2126-01-01T00:10:00Z", nil)))
	require.Equal(t, 404, first(c.do("GET", "/api/v1/cameras/east/clip.mp4?from=2020-01-01T00:00:00Z&to=2020-01-01T00:10:00Z", nil)))
	for _, query := range []string{"", "?from=2026-01-01T00:00:00Z", "?from=x&to=y", "?from=2026-01-01T01:00:00Z&to=2026-01-01T00:00:00Z", "?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z"} {
		require.GreaterOrEqual(t, first(c.do("GET", "/api/v1/cameras/east/clip.mp4"+query, nil)), 400, query)
	}
	b.station.set(func(s *station) { s.live = false })
	require.Equal(t, 409, first(c.do("GET", "/api/v1/cameras/east/snapshot.jpg", nil)))
}

func TestPagesSayHowTheyAreBuilt(t *testing.T) {
	b := newBox(t)
	c := b.as(t, "")
	answer := c.raw("GET", "/incidents/some-page", nil)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	if answer.StatusCode == 200 { // the pages are built here
		require.Contains(t, strings.ToLower(string(text)), "<!doctype html>")
	} else {
		require.Equal(t, 503, answer.StatusCode)
		require.Contains(t, string(text), "npm run build")
	}
	require.Equal(t, 404, first(c.do("GET", "/assets/nothing.js", nil)))
	require.Equal(t, 404, first(c.do("GET", "/api/nothing", nil)))
}
