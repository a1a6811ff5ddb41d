package wall_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/health"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall/whep"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/feed"
)

const (
	within   = time.Minute // generous: shared machines
	password = "correct horse"
)

// box is a whole wall over a real journal and a real desk; only devices and
// files are made up.
type box struct {
	desk     *desk.Desk
	journal  *journal.Journal
	users    *access.Users
	tokens   *access.Tokens
	server   *wall.Server
	url      string
	registry *prometheus.Registry
	station  *station
	stop     func() error // ends Run, once

	mu       sync.Mutex
	accesses []desk.AccessIn
}

type settings func(*wall.Options)

func newBox(t *testing.T, change ...settings) *box {
	t.Helper()
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	j, err := journal.Open(journal.Options{Dir: dir + "/journal", Source: "/stations/test/boxes/a", Logger: log})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	d, err := desk.New(desk.Setup{
		Station: "test", Box: "a",
		Cameras:      []desk.Camera{{ID: "east", Name: "东门", Position: &ingest.Position{Lat: 28.69, Lon: 115.99}}},
		Pillars:      []desk.Pillar{{ID: "P-001", Name: "步行街", Position: &ingest.Position{Lat: 28.69, Lon: 115.99}, Cameras: []string{"east"}}},
		Patrols:      []desk.PatrolPlan{{ID: "street", Name: "步行街", Cameras: []string{"east"}, DwellMS: 15_000, WithinMS: 1_800_000}},
		DrillRules:   []desk.DrillRule{{Camera: "east", Name: "night", Kind: "intrusion", Priority: "P1"}},
		DrillUplinks: []desk.DrillUplink{{Name: "hq", WithinMS: 60_000}}, DrillAfter: 30 * 24 * time.Hour,
		Partners: routedTo(), Classes: routedAs(), Templates: pieces(),
		Drones: []desk.Drone{{ID: "uav-1", Name: "uav-1"}}, Uplinks: []string{"hq"},
		Persons: []desk.Person{{ID: "officer", Name: "张伟"}, {ID: "li", Name: "李娜", User: "lina"}},
		Teams:   []desk.Team{{ID: "t1", Name: "巡逻一组", Kind: "patrol", Beat: "b1", Members: []string{"officer", "li"}}},
		Shifts:  []desk.Shift{{ID: "always", Name: "全天", Teams: []string{"t1"}}},
	}, j, desk.SystemClock(), log, rand.Reader)
	require.NoError(t, err)
	require.NoError(t, d.Open(t.Context()))

	users, err := access.OpenUsers(dir, cheap())
	require.NoError(t, err)
	for _, role := range access.Roles() {
		if role != access.Uplink && role != access.Partner { // comes with a token
			require.NoError(t, users.Add(string(role), password, role))
		}
	}
	tokens, err := access.OpenTokens(dir, nil)
	require.NoError(t, err)
	sessions, err := access.OpenSessions(dir, users, tokens, nil)
	require.NoError(t, err)
	b := &box{desk: d, journal: j, users: users, tokens: tokens, registry: prometheus.NewRegistry(), station: newStation()}
	book := newReview(t, j, d, dir)
	o := wall.Options{
		Listen: "127.0.0.1:0", Station: wall.Station{ID: "test", Box: "a", Name: "测试派出所", Language: "zh-CN", Timezone: "Asia/Shanghai"}, Version: "test",
		Desk: d, Journal: j, Devices: b.station, Receipts: b.station, Downlink: b.station, Video: b.station, Files: b.station, Partners: partnerLines, Forces: &roster{desk: d, fixes: map[string]ingest.Fix{}}, StaleAfter: time.Minute, Blind: b.station, Review: book, Sheets: tables{}, Evidence: b.station, Warnings: health.NewBoard(), Users: users, Sessions: sessions, Tokens: tokens, Setup: access.NewSetup(users),
		Ready: func() error { return nil }, Access: b.access, Registry: b.registry, Log: log,
		Limits: wall.Limits{Read: within, Write: within, Still: 100 * time.Millisecond},
	}
	for _, one := range change {
		one(&o)
	}
	b.server, err = wall.New(o)
	require.NoError(t, err)
	require.NoError(t, b.server.Open())
	b.url = "http://" + b.server.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.server.Run(ctx) }()
	b.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { require.NoError(t, b.stop()) })
	return b
}

// impatient is a wall that cuts who is slow soon. Others give everybody time: a
// client of a loaded machine is slow too.
func impatient(o *wall.Options) {
	o.Limits.Read, o.Limits.Write = 3*time.Second, time.Second
}

// cheap makes passwords cost little.
func cheap() access.Option {
	return access.WithParams(argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
}

func (b *box) access(in desk.AccessIn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.accesses = append(b.accesses, in)
}

// seen is how many accesses of a kind were recorded.
func (b *box) seen(kind string) (found []desk.AccessIn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, one := range b.accesses {
		if one.Kind == kind {
			found = append(found, one)
		}
	}
	return found
}

// events are those of a type in the journal.
func (b *box) events(t *testing.T, typ string) (found []bridge.Event) {
	t.Helper()
	records, err := b.journal.Read(0, 10_000)
	require.NoError(t, err)
	for _, r := range records {
		if r.Event.Type == typ {
			found = append(found, r.Event)
		}
	}
	return found
}

func (b *box) press(t *testing.T, id string) desk.Result {
	t.Helper()
	result, err := b.desk.Handle(t.Context(), desk.PressIn{Press: ingest.Press{
		Pillar: "P-001", ID: id, Kind: ingest.PressAlarm, At: time.Now(), AtText: time.Now().Format(time.RFC3339), Seq: 1, Received: time.Now(),
	}})
	require.NoError(t, err)
	return result
}

// client is a browser of one user; "" is nobody.
type client struct {
	t      *testing.T
	b      *box
	http   *http.Client
	bearer string
	url    string
}

// machine is a client with a token.
func (b *box) machine(t *testing.T, want access.Token) *client {
	t.Helper()
	if want.ExpiresAt.IsZero() {
		want.ExpiresAt = time.Now().Add(time.Hour)
	}
	secret, _, err := b.tokens.Create(want)
	require.NoError(t, err)
	c := b.as(t, "")
	c.bearer = secret
	return c
}

func (b *box) as(t *testing.T, name string) *client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	c := &client{t: t, b: b, url: b.url, http: &http.Client{Jar: jar, Transport: &http.Transport{}}}
	t.Cleanup(c.http.CloseIdleConnections)
	if name != "" {
		status, _ := c.do("POST", "/api/v1/session", map[string]string{"name": name, "password": password})
		require.Equal(t, 200, status)
	}
	return c
}

type header func(*http.Request)

func with(name, value string) header { return func(r *http.Request) { r.Header.Set(name, value) } }

// raw sends any body: nil, bytes or something for JSON.
func (c *client) raw(method, path string, body any, headers ...header) *http.Response {
	c.t.Helper()
	var reader io.Reader
	kind := ""
	switch b := body.(type) {
	case nil:
	case []byte:
		reader = bytes.NewReader(b)
	default:
		encoded, err := json.Marshal(b)
		require.NoError(c.t, err)
		reader, kind = bytes.NewReader(encoded), "application/json"
	}
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, reader)
	require.NoError(c.t, err)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if c.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	for _, h := range headers {
		h(r)
	}
	answer, err := c.http.Do(r)
	require.NoError(c.t, err)
	return answer
}

type object = map[string]any

// do expects JSON or nothing.
func (c *client) do(method, path string, body any, headers ...header) (int, object) {
	c.t.Helper()
	answer := c.raw(method, path, body, headers...)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(c.t, err)
	require.Regexp(c.t, `^[0-9A-Z]{26}\.\d+$`, answer.Header.Get("As-Of"), "%s %s", method, path)
	decoded := object{}
	if len(text) > 0 && strings.Contains(answer.Header.Get("Content-Type"), "json") {
		require.NoError(c.t, json.Unmarshal(text, &decoded), string(text))
	}
	if answer.StatusCode >= 400 {
		require.Equal(c.t, "application/problem+json", answer.Header.Get("Content-Type"), "%s %s %s", method, path, text)
		require.NotEmpty(c.t, decoded["code"])
		require.NotEmpty(c.t, decoded["detail"])
		matches(c.t, "Problem", decoded)
	}
	return answer.StatusCode, decoded
}

func (c *client) get(path string, schema string) object {
	c.t.Helper()
	status, body := c.do("GET", path, nil)
	require.Equal(c.t, 200, status, "%s %v", path, body)
	matches(c.t, schema, body)
	return body
}

// station is the made-up rest of the box.
type station struct {
	mu     sync.Mutex
	live   bool
	feed   *feed.Feed[*ingest.Unit]
	params *ingest.Params
	gop    []*ingest.Unit
	clip   []byte
	gone   time.Time // when a camera was gone for a minute: an hour ago, or two
	open   []wall.IncidentDelivery
	resent []desk.ResentIn
	refuse error // of what is sent again
	bundle func(ctx context.Context, w io.Writer) error

	waiting, brought map[string][]byte // pictures: by person/hash, by hash
}

func newStation() *station {
	s := &station{
		waiting: map[string][]byte{}, brought: map[string][]byte{},
		live: true, feed: feed.New[*ingest.Unit](), clip: bytes.Repeat([]byte("0123456789"), 10_000), gone: time.Now().Truncate(time.Hour).Add(-time.Hour),
		params: &ingest.Params{Codec: ingest.H264, SPS: []byte{0x67, 0x42, 0xc0, 0x1f, 0xac}, PPS: []byte{0x68, 0xee, 0x3c, 0x80}},
	}
	for i := range int64(10) {
		nal := bytes.Repeat([]byte{0xff}, 2000)
		nal[0] = 0x41
		if i == 0 {
			nal[0] = 0x65
		}
		s.gop = append(s.gop, &ingest.Unit{Camera: "east", Params: s.params, Run: 1, PTS: i * 3600, DTS: i * 3600, Key: i == 0, NALs: [][]byte{nal}, Bytes: len(nal), Received: time.Now()})
	}
	return s
}

func (s *station) set(change func(*station)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *station) Cameras() []wall.Camera {
	s.mu.Lock()
	defer s.mu.Unlock()
	return []wall.Camera{{
		ID: "east", Name: "东门", Record: "continuous", Analyze: true, Position: &wall.View{Lat: 28.69, Lon: 115.99},
		Zones: map[string][][2]float64{"yard": {{0, 0}, {1, 0}, {1, 1}}}, Rules: []wall.CameraRule{{Name: "night", Label: "夜间有人", Kind: "intrusion"}},
		Live: wall.CameraState{Live: s.live, AgeMS: 40, Recording: true, Width: 1920, Height: 1080, Codec: "h264", Since: bridge.At(time.Now())},
	}}
}

func (s *station) Pillars() []wall.Pillar {
	return []wall.Pillar{{ID: "P-001", Name: "步行街", Cameras: []string{"east"}, Status: &ingest.PillarStatus{Pillar: "P-001", Online: true, At: time.Now()}}}
}

func (s *station) Drones() []wall.Drone {
	return []wall.Drone{{ID: "uav-1", Name: "uav-1", Kind: "mavlink", Telemetry: &ingest.Telemetry{Drone: "uav-1", At: time.Now(), Position: &ingest.Position{Lat: 28.69, Lon: 115.99}}}}
}

func (s *station) Uplinks() []wall.Uplink {
	return []wall.Uplink{{Name: "hq", Kind: "mqtt", Connected: true, Lag: map[bridge.Lane]uint64{bridge.Alarm: 2}}}
}

func (s *station) Open() []wall.IncidentDelivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

func (s *station) Of(inc *desk.Incident) ([]wall.EventDelivery, error) {
	return []wall.EventDelivery{{Event: inc.History[0].Event, Stored: inc.History[0].At, Uplinks: []bridge.Delivery{
		{Uplink: "hq", Mark: bridge.MarkAccepted, Received: inc.History[0].At, Judged: inc.History[0].At, By: "zhou"},
	}}}, nil
}

func (s *station) OfTask(task *desk.Task) ([]wall.EventDelivery, error) {
	return []wall.EventDelivery{{Event: task.History[0].Event, Stored: task.History[0].At, Uplinks: []bridge.Delivery{{Uplink: "hq", Mark: bridge.MarkSent}}}}, nil
}

// Down takes what has an id, refuses an order without one, and has no room for "full".
func (s *station) Down(_ context.Context, uplink string, kind bridge.MessageKind, payload []byte) (*desk.OrderAnswered, error) {
	switch text := string(payload); {
	case strings.Contains(text, "full"):
		return nil, journal.ErrFull
	case kind == bridge.KindReceipt || kind == bridge.KindReplay:
		if !strings.Contains(text, "id") {
			return nil, &bridge.MessageError{Kind: kind, Reason: "want an id"}
		}
		return nil, nil
	case strings.Contains(text, "flood"):
		return nil, nil
	case !strings.Contains(text, "id"):
		return &desk.OrderAnswered{Uplink: uplink, Order: string(kind), Result: desk.OrderRefused, Reason: "no id"}, nil
	}
	return &desk.OrderAnswered{Uplink: uplink, Order: string(kind), HQID: "1", Result: desk.OrderTaken}, nil
}

func (s *station) Aside(uplink string) []desk.SetAside {
	return []desk.SetAside{{Uplink: uplink, ID: "e1", Reason: "400", Lane: bridge.Alarm}}
}

func (s *station) SendAgain(_ context.Context, in desk.ResentIn) (desk.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resent = append(s.resent, in)
	return desk.Result{Place: 1}, s.refuse
}

func (s *station) Export(ctx context.Context, b wall.Bundle, w io.Writer) error {
	s.mu.Lock()
	bundle := s.bundle
	s.mu.Unlock()
	if bundle != nil {
		return bundle(ctx, w)
	}
	text := "PK"
	if b.Unmasked != nil {
		text += " unmasked by " + b.Unmasked.By + " and " + b.Unmasked.Second + ", told as " + b.Told.ID
	}
	_, err := io.WriteString(w, text)
	return err
}

func (s *station) Places() []wall.Place {
	return []wall.Place{{ID: "south", Name: "南口", Polygon: [][2]float64{{28.69, 115.99}}}}
}

func (s *station) Live(camera string, _ bool) (whep.Video, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return whep.Video{Feed: s.feed, Params: s.params, GOP: s.gop}, s.live && camera == "east"
}

func (s *station) Picture(_ context.Context, camera string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.live || camera != "east" {
		return nil, fs.ErrNotExist
	}
	return []byte("\xff\xd8jpeg"), nil
}

func (s *station) Snapshot(hash string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if jpeg := s.brought[hash]; jpeg != nil {
		return jpeg, nil
	}
	if hash != strings.Repeat("ab", 32) {
		return nil, fs.ErrNotExist
	}
	return []byte("\xff\xd8still"), nil
}

// PutPicture keeps it in memory, as new by its person.
func (s *station) PutPicture(person string, jpeg []byte) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if person == "admin" {
		return "", media.ErrPictures
	}
	sum := sha256.Sum256(jpeg)
	hash := hex.EncodeToString(sum[:])
	s.waiting[person+"/"+hash] = jpeg
	return hash, nil
}

func (s *station) OwnPicture(person, hash string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if jpeg, waits := s.waiting[person+"/"+hash]; waits {
		return jpeg, nil
	}
	return nil, fs.ErrNotExist
}

func (s *station) Brought(hash string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.brought[hash] != nil
}

func (s *station) KeepPictures(hashes []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, jpeg := range s.waiting {
		if _, hash, _ := strings.Cut(key, "/"); slices.Contains(hashes, hash) {
			delete(s.waiting, key)
			s.brought[hash] = jpeg
		}
	}
	return nil
}

type body struct{ *bytes.Reader }

func (body) Close() error { return nil }

func (s *station) Clip(_, part string) (wall.File, error) {
	if part != "1" {
		return wall.File{}, fs.ErrNotExist
	}
	return wall.File{Body: body{bytes.NewReader(s.clip)}, Size: int64(len(s.clip)), ETag: "abc"}, nil
}

func (s *station) Original(string, string) (wall.File, error) {
	return wall.File{Body: body{bytes.NewReader([]byte("unmasked"))}, Size: 8}, nil
}

func (s *station) Cut(_ context.Context, _ string, from, to time.Time) (wall.Cut, error) {
	if from.Year() < 2026 {
		return wall.Cut{}, fs.ErrNotExist
	}
	return wall.Cut{File: wall.File{Body: body{bytes.NewReader(s.clip)}, Size: int64(len(s.clip)), ETag: "cut"}, From: from, To: to}, nil
}

func (s *station) Groups(string) []string { return []string{"步行街"} }

func (s *station) Track(drone string, _, _ time.Time) ([]ingest.Telemetry, error) {
	return []ingest.Telemetry{{Drone: drone, At: time.Now()}}, nil
}
