package webhook_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/uplink/uplinktest"
	"github.com/watchpost-edge/watchpost/bridge/uplink/webhook"
)

const (
	patience = 2 * time.Minute // of a loaded machine
	pause    = 5 * time.Millisecond
	token    = "hunter2" // in the address: must not be seen
)

// room takes what comes down: nothing does.
type room struct{ listening atomic.Bool }

func (r *room) Presence(listening bool) { r.listening.Store(listening) }

func (r *room) Receive(context.Context, bridge.MessageKind, []byte) error {
	return errors.New("a webhook brings nothing down")
}

// post is what the receiver got.
type post struct {
	header http.Header
	events []json.RawMessage
	bytes  int
}

// receiver answers as told; empty batches are always taken.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	posts  []post
	answer http.HandlerFunc // nil: 204
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	p := post{header: request.Header, bytes: len(body)}
	if err := uplinktest.CheckSignature(request.Header, body); err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	if err := json.Unmarshal(body, &p.events); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	answer := r.answer
	if len(p.events) > 0 {
		r.posts = append(r.posts, p)
	}
	r.mu.Unlock()
	if answer == nil || len(p.events) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	answer(w, request)
}

func (r *receiver) say(answer http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *receiver) got() []post {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]post(nil), r.posts...)
}

func secretFile(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return path
}

func newUplink(t *testing.T, url string, change func(*webhook.Options)) *webhook.Uplink {
	t.Helper()
	o := webhook.Options{URL: url + "/events?token=" + token, SecretFile: secretFile(t, uplinktest.Secret)}
	if change != nil {
		change(&o)
	}
	u, err := webhook.New(o)
	require.NoError(t, err)
	return u
}

func connect(t *testing.T, u *webhook.Uplink) bridge.Session {
	t.Helper()
	r := &room{}
	s, err := u.Connect(t.Context(), r)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	require.True(t, r.listening.Load())
	return s
}

func events(from, count, size int) []bridge.Outgoing {
	out := make([]bridge.Outgoing, count)
	for i := range out {
		n := from + i
		out[i] = bridge.Outgoing{ID: fmt.Sprintf("E%d", n), Epoch: "01J", Lane: bridge.Alarm, Sequence: uint64(n),
			Wire: fmt.Appendf(nil, `{"id":"E%d","pad":%q}`, n, strings.Repeat("x", size))}
	}
	return out
}

func send(t *testing.T, s bridge.Session, b bridge.Batch) error {
	t.Helper()
	ticket, err := s.Send(t.Context(), b)
	if err == nil {
		err = ticket.Wait(t.Context())
	}
	return err
}

func TestWhatIsSent(t *testing.T) {
	r := newReceiver(t)
	s := connect(t, newUplink(t, r.URL, func(o *webhook.Options) {
		o.SecretFile = secretFile(t, "whsec_"+strings.Repeat("AAAA", 8), uplinktest.Secret) // one replaces the other
	}))
	require.NoError(t, send(t, s, bridge.Batch{Way: bridge.WayLane, Lane: bridge.Alarm, Events: events(1, 2, 1)}))
	require.NoError(t, send(t, s, bridge.Batch{Way: bridge.WayLane, Lane: bridge.Alarm, Events: events(1, 2, 1)}))
	require.NoError(t, send(t, s, bridge.Batch{Way: bridge.WayNow, Lane: bridge.Alarm, Events: events(2, 1, 1)}))
	require.NoError(t, send(t, s, bridge.Batch{Way: bridge.WayReplay, Lane: bridge.Alarm, Request: "a.b\r\nX: 1", Events: events(1, 1, 1)}))
	require.NoError(t, send(t, s, bridge.Batch{Way: bridge.WayReplay, Lane: bridge.Alarm, Request: strings.Repeat("r", 9999), Events: events(1, 1, 1)}))
	require.NoError(t, s.State(t.Context(), bridge.State{}))
	got := r.got()
	require.Len(t, got, 5)
	require.JSONEq(t, `{"id":"E1","pad":"x"}`, string(got[0].events[0]))
	require.JSONEq(t, `{"id":"E2","pad":"x"}`, string(got[0].events[1]))
	for i, want := range []struct{ id, way string }{
		{"01J/alarm/1-2", "lane"}, {"01J/alarm/1-2", "lane"}, {"now/E2/1", "now"}, {"replay/a%2Eb%0D%0AX:%201/01J/alarm/1-1", "replay"},
	} {
		require.Equal(t, want.id, got[i].header.Get("webhook-id"))
		require.Equal(t, want.way, got[i].header.Get("Watchpost-Delivery"))
		require.Equal(t, "alarm", got[i].header.Get("Watchpost-Lane"))
	}
	require.Less(t, len(got[4].header.Get("webhook-id")), 100)
	require.Empty(t, got[3].header.Get("X"))
}

// contracts.md, "Failing", answer by answer.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		code  int
		event bool // the event's fault, else the receiver's
	}{
		{400, true}, {413, true}, {422, true},
		{301, false}, {302, false}, {307, false}, {308, false}, {401, false}, {403, false}, {404, false}, {405, false}, {408, false}, {409, false},
		{410, false}, {418, false}, {429, false}, {500, false}, {502, false}, {503, false}, {504, false},
	} {
		t.Run(fmt.Sprint(c.code), func(t *testing.T) {
			followed := newReceiver(t)
			r := newReceiver(t)
			r.say(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", followed.URL+"/elsewhere")
				w.WriteHeader(c.code)
				_, _ = io.WriteString(w, "because\x00 of\r\nthis"+strings.Repeat("!", 100_000))
			})
			s := connect(t, newUplink(t, r.URL, nil))
			err := send(t, s, bridge.Batch{Way: bridge.WayLane, Lane: bridge.Alarm, Events: events(1, 3, 1)})
			require.ErrorContains(t, err, fmt.Sprint(c.code))
			require.Less(t, len(err.Error()), 400)
			require.NotContains(t, err.Error(), token)
			var refused *bridge.EventError
			require.Equal(t, c.event, errors.As(err, &refused))
			if c.event {
				require.Contains(t, refused.Reason, "because of this!")
				r.say(nil)
				require.NoError(t, send(t, s, bridge.Batch{Way: bridge.WayLane, Lane: bridge.Alarm, Events: events(1, 3, 1)}), "the session stands")
				return
			}
			<-s.Done()
			require.ErrorContains(t, s.Err(), fmt.Sprint(c.code))
			require.Empty(t, followed.got())
		})
	}
}

func TestRetryAfterIsWaitedFor(t *testing.T) {
	r := newReceiver(t)
	throttled := func(seconds string) *webhook.Uplink {
		r.say(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", seconds)
			w.WriteHeader(http.StatusTooManyRequests)
		})
		u := newUplink(t, r.URL, nil)
		require.Error(t, send(t, connect(t, u), bridge.Batch{Way: bridge.WayLane, Events: events(1, 1, 1)}))
		return u
	}
	asked := time.Now()
	connect(t, throttled("1"))
	require.GreaterOrEqual(t, time.Since(asked), time.Second)

	u := throttled("120")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := u.Connect(ctx, &room{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// A receiver that fails in ways below HTTP's.
func TestBrokenAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		serve func(net.Conn, *bufio.Reader) // after the request's head
		want  string
	}{
		"hangs":          {func(c net.Conn, b *bufio.Reader) { _, _ = io.Copy(io.Discard, b) }, "no answer within"},
		"half a request": {func(c net.Conn, b *bufio.Reader) { _, _ = b.Discard(100_000) }, ""},
		"no HTTP":        {func(c net.Conn, b *bufio.Reader) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH\r\n\r\n") }, ""},
		"half an answer": {func(c net.Conn, b *bufio.Reader) { _, _ = io.WriteString(c, "HTTP/1.1 200 O") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUplink(t, "http://"+rawServer(t, c.serve), func(o *webhook.Options) {
				if c.want != "" {
					o.AnswerWithin = 200 * time.Millisecond
				}
			})
			var s bridge.Session
			require.Eventually(t, func() (ok bool) { // unless the machine takes longer than that
				var err error
				s, err = u.Connect(t.Context(), &room{})
				return err == nil
			}, patience, pause)
			t.Cleanup(s.Close)
			err := send(t, s, bridge.Batch{Way: bridge.WayLane, Events: events(1, 15, 65_000)})
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), token)
			var refused *bridge.EventError
			require.NotErrorAs(t, err, &refused)
			<-s.Done()
		})
	}
}

// rawServer takes the empty batch and gives the next request to serve.
func rawServer(t *testing.T, serve func(net.Conn, *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var conns sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); conns.Wait() })
	conns.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer conn.Close()
				reader := bufio.NewReaderSize(conn, 4<<10)
				request, err := http.ReadRequest(reader)
				if err != nil {
					return
				}
				if request.ContentLength == int64(len("[]")) {
					_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
					return
				}
				serve(conn, reader)
			})
		}
	})
	return l.Addr().String()
}

// A body is bounded; one event larger than that goes alone.
func TestBatchIsBoundedByBytes(t *testing.T) {
	r := newReceiver(t)
	s := connect(t, newUplink(t, r.URL, nil))
	require.NoError(t, send(t, s, bridge.Batch{Way: bridge.WayLane, Events: append(events(1, 40, 60_000), events(41, 1, 2<<20)...)}))
	n := 0
	for _, p := range r.got() {
		require.True(t, p.bytes <= 1<<20 || len(p.events) == 1, p.bytes)
		for _, e := range p.events {
			n++
			require.Contains(t, string(e), fmt.Sprintf(`"id":"E%d"`, n))
		}
	}
	require.Equal(t, 41, n)
	require.Len(t, r.got(), 4)
}

// A receiver that has gone is noticed although there is nothing to send.
func TestSilenceIsAsked(t *testing.T) {
	r := newReceiver(t)
	s := connect(t, newUplink(t, r.URL, func(o *webhook.Options) { o.PulseEvery = 10 * time.Millisecond }))
	r.CloseClientConnections()
	r.Close()
	<-s.Done()
	require.ErrorContains(t, s.Err(), "ask http://")
}

func TestTLS(t *testing.T) {
	r := newReceiver(t)
	server := httptest.NewTLSServer(r)
	t.Cleanup(server.Close)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	ca := filepath.Join(t.TempDir(), "ca.crt")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	connect(t, newUplink(t, server.URL, func(o *webhook.Options) { o.CAFile = ca }))
	_, err := newUplink(t, server.URL, nil).Connect(t.Context(), &room{})
	require.ErrorContains(t, err, "unknown authority")
	require.NotContains(t, err.Error(), token)
	_, err = newUplink(t, server.URL, func(o *webhook.Options) { o.CAFile = ca + "x" }).Connect(t.Context(), &room{})
	require.ErrorContains(t, err, ca+"x")
}

// Neither secret nor address is in a log.
func TestNothingSecretIsSaid(t *testing.T) {
	var log bytes.Buffer
	u := newUplink(t, "http://127.0.0.1:1", func(o *webhook.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	_, err := u.Connect(t.Context(), &room{})
	require.ErrorContains(t, err, "connect http://127.0.0.1:1: dial tcp")
	for _, secret := range []string{token, "/events", uplinktest.Secret} {
		require.NotContains(t, err.Error()+log.String(), secret)
	}
	for name, lines := range map[string]string{"no prefix": "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "not base64": "whsec_!!!!!!!!", "short": "whsec_AAAA", "many": strings.Repeat("whsec_AAAA\n", 5), "empty": ""} {
		_, err := newUplink(t, "http://127.0.0.1:1", func(o *webhook.Options) { o.SecretFile = secretFile(t, lines) }).Connect(t.Context(), &room{})
		require.ErrorContains(t, err, "uplink secret", name)
		require.NotContains(t, err.Error(), "AAAA", name)
		require.NotContains(t, err.Error(), "MfKQ", name)
	}
}

// Through the forwarder: a refused event is set aside, the rest arrives, and a
// receiver that throttles gets all in the end.
func TestThrottledAndRefused(t *testing.T) {
	r := newReceiver(t)
	u := newUplink(t, r.URL, nil)
	box := uplinktest.NewBox(t)
	odd := box.Append(bridge.Alarm, "P2", 130)[57].Event.ID
	var busy atomic.Int32
	busy.Store(2)
	r.say(func(w http.ResponseWriter, request *http.Request) {
		got := r.got()
		last := got[len(got)-1]
		switch {
		case busy.Add(-1) >= 0:
			w.WriteHeader(http.StatusServiceUnavailable)
		case bytes.Contains(bytes.Join(toBytes(last.events), nil), []byte(odd)):
			http.Error(w, "no such place", http.StatusUnprocessableEntity)
		}
	})
	box.Run(bridge.UplinkConfig{Name: "city", Uplink: u, Lanes: []bridge.Lane{bridge.Alarm}, Confirm: bridge.ByTransport})
	require.Eventually(t, func() bool { return box.Status(0).Lag[bridge.Alarm] == 0 }, patience, pause)
	require.Equal(t, []string{"city/" + odd}, box.SetAside())
}

func toBytes(all []json.RawMessage) [][]byte {
	out := make([][]byte, len(all))
	for i := range all {
		out[i] = all[i]
	}
	return out
}

func TestNewRefuses(t *testing.T) {
	for name, o := range map[string]webhook.Options{
		"scheme":      {URL: "mqtt://x", SecretFile: "s"},
		"no host":     {URL: "http:///x", SecretFile: "s"},
		"credentials": {URL: "https://u:hunter2@x", SecretFile: "s"},
		"unreadable":  {URL: "https://hunter2\x00", SecretFile: "s"},
		"no secret":   {URL: "https://x"},
		"half a pair": {URL: "https://x", SecretFile: "s", CertFile: "c"},
	} {
		_, err := webhook.New(o)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), token, name)
	}
}
