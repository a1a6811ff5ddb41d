package nats_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/uplink/nats"
	"github.com/watchpost-edge/watchpost/bridge/uplink/uplinktest"
)

const (
	patience = 2 * time.Minute // of a loaded machine
	pause    = 5 * time.Millisecond
	root     = "watchpost." + uplinktest.Station + "." + uplinktest.BoxName + "."
)

func newUplink(t *testing.T, addr string, change func(*nats.Options)) bridge.Uplink {
	t.Helper()
	o := nats.Options{URL: "nats://" + addr, Stream: uplinktest.Stream, Station: uplinktest.Station, Box: uplinktest.BoxName}
	if change != nil {
		change(&o)
	}
	u, err := nats.New(o)
	require.NoError(t, err)
	return u
}

func config(name string, u bridge.Uplink) bridge.UplinkConfig {
	return bridge.UplinkConfig{Name: name, Uplink: u, Lanes: []bridge.Lane{bridge.Alarm}, Confirm: bridge.ByTransport, Drills: true}
}

func waitFor(t testing.TB, what func() bool, why string) {
	t.Helper()
	require.Eventually(t, what, patience, pause, why)
}

// room takes what comes down, unless it shall not.
type room struct{ fail bool }

func (r *room) Presence(bool) {}

func (r *room) Receive(context.Context, bridge.MessageKind, []byte) error {
	if r.fail {
		return errors.New("no room")
	}
	return nil
}

// Subjects and ids are those of contracts.md, so that a stream drops what is
// sent twice.
func TestSubjectsAndIDs(t *testing.T) {
	peer := uplinktest.NewJetStream(t)
	peer.Start()
	box := uplinktest.NewBox(t)
	event := box.Append(bridge.Alarm, "P0", 1)[0].Event
	box.Run(config("bus", newUplink(t, peer.Addr(), nil)))
	peer.HQ().WaitFor(func(h *uplinktest.HQ) bool { return len(h.Took) == 1 && len(h.Now) == 1 }, "both ways")
	peer.Send(bridge.KindReplay, fmt.Sprintf(`{"request":"r 1","epoch":%q,"lane":"alarm","from":1,"to":1}`, event.Epoch))
	peer.HQ().WaitFor(func(h *uplinktest.HQ) bool { return len(h.Replay) == 1 }, "a replay")
	peer.Send(bridge.KindReplay, fmt.Sprintf(`{"request":"r-1","epoch":%q,"lane":"alarm","from":1,"to":1}`, event.Epoch))
	peer.HQ().WaitFor(func(h *uplinktest.HQ) bool { return len(h.Replay) == 2 }, "replays")
	stream, err := peer.JS().Stream(t.Context(), uplinktest.Stream)
	require.NoError(t, err)
	ids := map[string]string{}
	for n := uint64(1); n <= 6; n++ {
		message, err := stream.GetMsg(t.Context(), n)
		require.NoError(t, err)
		if leaf, ok := strings.CutPrefix(message.Subject, root+"up."); ok {
			ids[message.Header.Get("Nats-Msg-Id")] = leaf
			require.Equal(t, "alarm", message.Header.Get("Watchpost-Lane"))
			require.Equal(t, uplinktest.Stream, message.Header.Get("Nats-Expected-Stream"))
		}
	}
	require.Len(t, ids, 4)
	require.Equal(t, "alarm", ids[event.Epoch+"/alarm/1"])
	require.Equal(t, "now", ids["now/"+event.ID])
	require.Equal(t, "replay", ids["replay/r-1/"+event.ID])
	box.Stop()

	box.Run(config("another", newUplink(t, peer.Addr(), nil))) // sends all again
	box.WaitDrained()
	info, err := stream.Info(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 6, info.State.LastSeq, "four events and two requests")
}

// What is wrong with server or stream is said, and waited for.
func TestStreamTroubles(t *testing.T) {
	peer := uplinktest.NewJetStream(t)
	peer.Bare = true
	peer.Start()
	box := uplinktest.NewBox(t)
	box.Append(bridge.Alarm, "P1", 200)
	box.Run(config("bus", newUplink(t, peer.Addr(), nil)))
	says := func(text string) {
		t.Helper()
		waitFor(t, func() bool { return strings.Contains(box.Status(0).LastError, text) }, text)
		require.Contains(t, box.Status(0).LastError, peer.Addr())
		require.EqualValues(t, 0, box.Status(0).SetAside)
	}
	says("stream STATIONS does not exist: create it with the subjects watchpost.>")
	stream := jetstream.StreamConfig{Name: uplinktest.Stream, Subjects: []string{"watchpost.shidao.a.>", "watchpost.*.b.>", "watchpost.jingdong.a.up.alarm.x"}}
	_, err := peer.JS().CreateStream(t.Context(), stream)
	require.NoError(t, err)
	says("stream STATIONS does not take watchpost.jingdong.a.up.alarm")
	stream.Subjects, stream.Discard, stream.MaxMsgs = []string{"watchpost.*.*.up.>"}, jetstream.DiscardNew, 50
	_, err = peer.JS().UpdateStream(t.Context(), stream)
	require.NoError(t, err)
	says("stream STATIONS is full: it has 50 of 50 messages")
	require.GreaterOrEqual(t, box.Status(0).Lag[bridge.Alarm], uint64(150))
	stream.MaxMsgs = -1
	_, err = peer.JS().UpdateStream(t.Context(), stream)
	require.NoError(t, err)
	box.WaitDrained()
	requireLaneInOrder(t, peer, 200)
}

// An event that does not fit any more, with smaller ones behind it that do:
// once there is room, the stream has the lane in order all the same.
func TestOrderAfterRefusal(t *testing.T) {
	peer := uplinktest.NewJetStream(t)
	peer.Config.MaxBytes = 60 << 10
	peer.Start()
	box := uplinktest.NewBox(t)
	box.Append(bridge.Alarm, "P1", 60)
	large, err := json.Marshal(map[string]string{"note": strings.Repeat("x", 30_000)})
	require.NoError(t, err)
	box.AppendData(bridge.Alarm, "P1", large)
	box.Append(bridge.Alarm, "P1", 20)
	box.Run(config("bus", newUplink(t, peer.Addr(), nil)))
	peer.HQ().WaitFor(func(h *uplinktest.HQ) bool { return len(h.Took) == 60 && h.Gaps > 0 }, "those behind the hole")
	waitFor(t, func() bool { return strings.Contains(box.Status(0).LastError, "is full: it has") }, "full")
	require.GreaterOrEqual(t, box.Status(0).Lag[bridge.Alarm], uint64(21))
	peer.Config.MaxBytes = -1
	_, err = peer.JS().UpdateStream(t.Context(), peer.Config)
	require.NoError(t, err)
	box.WaitDrained()
	requireLaneInOrder(t, peer, 81)
}

// A restart of the box before the stream has room again changes nothing: the
// copies in the right order are not taken for those that came too early.
func TestOrderAfterRefusalAndRestart(t *testing.T) {
	peer := uplinktest.NewJetStream(t)
	peer.Config.MaxBytes = 60 << 10
	peer.Start()
	box := uplinktest.NewBox(t)
	box.Append(bridge.Alarm, "P1", 60)
	large, err := json.Marshal(map[string]string{"note": strings.Repeat("x", 30_000)})
	require.NoError(t, err)
	box.AppendData(bridge.Alarm, "P1", large)
	box.Append(bridge.Alarm, "P1", 20)
	file := filepath.Join(t.TempDir(), "bus", "holes.json")
	keep := func(o *nats.Options) { o.StateFile = file }
	box.Run(config("bus", newUplink(t, peer.Addr(), keep)))
	peer.HQ().WaitFor(func(h *uplinktest.HQ) bool { return len(h.Took) == 60 && h.Gaps > 0 }, "those behind the hole")
	waitFor(t, func() bool { return strings.Contains(box.Status(0).LastError, "is full: it has") }, "full")
	box.Flush = -1
	box.Stop()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(b), `"first":61`)
	peer.Config.MaxBytes = -1
	_, err = peer.JS().UpdateStream(t.Context(), peer.Config)
	require.NoError(t, err)
	box.Run(config("bus", newUplink(t, peer.Addr(), keep)))
	box.WaitDrained()
	requireLaneInOrder(t, peer, 81)
	box.Stop()

	require.NoError(t, os.WriteFile(file, []byte("torn"), 0o600))
	box.Append(bridge.Alarm, "P1", 1)
	box.Run(config("bus", newUplink(t, peer.Addr(), keep)))
	box.WaitDrained()
	requireLaneInOrder(t, peer, 82)
}

// requireLaneInOrder: headquarters took all without asking for anything again.
func requireLaneInOrder(t *testing.T, peer *uplinktest.JetStream, count int) {
	t.Helper()
	if !peer.Bare {
		peer.HQ().WaitFor(func(h *uplinktest.HQ) bool { return len(h.Took) == count }, "all")
		return
	}
	stream, err := peer.JS().Stream(t.Context(), uplinktest.Stream)
	require.NoError(t, err)
	require.EqualValues(t, count, stream.CachedInfo().State.Msgs)
	for n := range count {
		message, err := stream.GetMsg(t.Context(), uint64(n+1))
		require.NoError(t, err)
		e, err := bridge.DecodeEvent(message.Data)
		require.NoError(t, err)
		require.Equal(t, bridge.SequenceText(uint64(n+1)), e.Sequence)
	}
}

// A stream that does not keep what comes down: a request is answered.
func TestPlainOrders(t *testing.T) {
	peer := uplinktest.NewJetStream(t)
	peer.Config.Subjects = []string{"watchpost.*.*.up.>"}
	peer.Start()
	r := &room{}
	session, err := newUplink(t, peer.Addr(), nil).Connect(t.Context(), r)
	require.NoError(t, err)
	defer session.Close()
	conn, err := natsgo.Connect("nats://" + peer.Addr())
	require.NoError(t, err)
	defer conn.Close()
	answer, err := conn.Request(root+"down.task", []byte(`{"id":"T1"}`), patience)
	require.NoError(t, err)
	require.Equal(t, "+OK", string(answer.Data))
	r.fail = true
	answer, err = conn.Request(root+"down.task", []byte(`{"id":"T2"}`), patience)
	require.NoError(t, err)
	require.Contains(t, string(answer.Data), "-ERR")
	require.NoError(t, conn.Publish(root+"down.presence", []byte(`{"listening":false}`)))
}

func TestServerRefuses(t *testing.T) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, Username: "jingdong", Password: "secret"})
	require.NoError(t, err)
	s.Start()
	defer s.Shutdown()
	require.True(t, s.ReadyForConnections(patience))
	addr := s.Addr().String()
	password := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(password, []byte("wrong\n"), 0o600))
	login := func(o *nats.Options) { o.Username, o.PasswordFile = "jingdong", password }
	_, err = newUplink(t, addr, login).Connect(t.Context(), &room{})
	require.ErrorContains(t, err, "connect nats://"+addr+": nats: Authorization Violation")
	require.NoError(t, os.WriteFile(password, []byte("secret\n"), 0o600)) // read at every attempt
	_, err = newUplink(t, addr, login).Connect(t.Context(), &room{})
	require.ErrorContains(t, err, "has no JetStream")
	_, err = newUplink(t, addr, func(o *nats.Options) { o.CAFile = password }).Connect(t.Context(), &room{})
	require.ErrorContains(t, err, "no certificate in it")
}

// A peer that takes the connection and says nothing is left when ctx ends.
func TestMuteServer(t *testing.T) {
	peer := uplinktest.NewJetStream(t)
	peer.Start()
	cable := uplinktest.NewCable(t, peer.Addr())
	cable.Hold(true)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := newUplink(t, cable.Addr(), nil).Connect(ctx, &room{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(began), 9*time.Second, "its own limit is 10 s")
}

func TestNewRefuses(t *testing.T) {
	for name, o := range map[string]nats.Options{
		"scheme":      {URL: "mqtt://x", Stream: "S", Station: "s", Box: "a"},
		"credentials": {URL: "nats://u:p@x", Stream: "S", Station: "s", Box: "a"},
		"no stream":   {URL: "nats://x", Station: "s", Box: "a"},
		"stream":      {URL: "nats://x", Stream: "a.b", Station: "s", Box: "a"},
		"subject":     {URL: "nats://x", Stream: "S", Station: "s.t", Box: "a"},
		"no box":      {URL: "nats://x", Stream: "S", Station: "s"},
		"half a pair": {URL: "tls://x", Stream: "S", Station: "s", Box: "a", KeyFile: "k"},
	} {
		_, err := nats.New(o)
		require.Error(t, err, name)
	}
}
