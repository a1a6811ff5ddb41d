package uplinktest

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Stream is the JetStream stream of JetStream.
const Stream = "STATIONS"

const subjectRoot = "watchpost." + Station + "." + BoxName + "."

// JetStream is a nats-server with one stream and a headquarters that reads it.
type JetStream struct {
	// Config of the stream; change it before Start.
	Config jetstream.StreamConfig
	// Bare: no stream is made and nobody reads.
	Bare bool

	t      testing.TB
	addr   string
	dir    string
	server *server.Server
	conn   *natsgo.Conn
	hq     *HQ
	seen   atomic.Uint64 // newest place in the stream that headquarters has
}

var (
	_ Peer     = (*JetStream)(nil)
	_ Ordering = (*JetStream)(nil)
)

// NewJetStream chooses a port; Start does the rest.
func NewJetStream(t testing.TB) *JetStream {
	t.Helper()
	n := &JetStream{t: t, addr: FreeAddr(t), dir: t.TempDir(), hq: newHQ(t), Config: jetstream.StreamConfig{
		Name: Stream, Subjects: []string{"watchpost.>"}, Discard: jetstream.DiscardNew, MaxMsgSize: RefusedBytes,
	}}
	t.Cleanup(n.Kill)
	return n
}

// Addr implements Peer.
func (n *JetStream) Addr() string { return n.addr }

// HQ implements Peer.
func (n *JetStream) HQ() *HQ { return n.hq }

// Start implements Peer.
func (n *JetStream) Start() {
	n.t.Helper()
	host, text, err := net.SplitHostPort(n.addr)
	require.NoError(n.t, err)
	port, err := strconv.Atoi(text)
	require.NoError(n.t, err)
	n.server, err = server.NewServer(&server.Options{
		Host: host, Port: port, JetStream: true, StoreDir: n.dir, NoLog: true, NoSigs: true, DisableJetStreamBanner: true,
	})
	require.NoError(n.t, err)
	n.server.Start()
	require.True(n.t, n.server.ReadyForConnections(patience))
	n.conn, err = natsgo.Connect("nats://"+n.addr, natsgo.NoReconnect(), natsgo.Timeout(patience))
	require.NoError(n.t, err)
	if n.Bare {
		return
	}
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	_, err = n.JS().CreateOrUpdateStream(ctx, n.Config)
	require.NoError(n.t, err)
	// An ordered consumer, from where headquarters stands: what the server had
	// handed out and a kill took away comes again at once, in its place. A
	// durable one would wait for its acknowledgement first, and go on behind it.
	from := jetstream.OrderedConsumerConfig{FilterSubjects: []string{subjectRoot + "up.*"}}
	if seen := n.seen.Load(); seen > 0 {
		from.DeliverPolicy, from.OptStartSeq = jetstream.DeliverByStartSequencePolicy, seen+1
	}
	consumer, err := n.JS().OrderedConsumer(ctx, Stream, from)
	require.NoError(n.t, err)
	_, err = consumer.Consume(n.receive)
	require.NoError(n.t, err)
}

// JS is headquarters' view of the server.
func (n *JetStream) JS() jetstream.JetStream {
	n.t.Helper()
	js, err := jetstream.New(n.conn, jetstream.WithDefaultTimeout(patience))
	require.NoError(n.t, err)
	return js
}

// Kill implements Peer.
func (n *JetStream) Kill() {
	if n.server != nil {
		n.conn.Close()
		n.server.Shutdown()
		n.server.WaitForShutdown()
		n.server = nil
	}
}

func (n *JetStream) receive(m jetstream.Msg) {
	way := bridge.WayLane
	switch strings.TrimPrefix(m.Subject(), subjectRoot+"up.") {
	case "now":
		way = bridge.WayNow
	case "replay":
		way = bridge.WayReplay
	}
	n.hq.receive(way, m.Data())
	if at, err := m.Metadata(); err == nil {
		n.seen.Store(at.Sequence.Stream)
	}
}

// Send implements Ordering.
func (n *JetStream) Send(kind bridge.MessageKind, payload string) {
	_, err := n.JS().Publish(n.t.Context(), subjectRoot+"down."+string(kind), []byte(payload))
	require.NoError(n.t, err)
}
