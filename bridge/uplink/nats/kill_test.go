package nats_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/uplink/uplinktest"
)

const (
	serverAddr = "WATCHPOST_TEST_NATS_ADDR" // makes this binary a nats-server
	serverDir  = "WATCHPOST_TEST_NATS_DIR"
)

func TestMain(m *testing.M) {
	if addr := os.Getenv(serverAddr); addr != "" {
		if err := serve(addr, os.Getenv(serverDir)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func serve(addr, dir string) error {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	s, err := server.NewServer(&server.Options{Host: host, Port: port, JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true})
	if err != nil {
		return err
	}
	s.Start()
	s.WaitForShutdown()
	return nil
}

// process is a nats-server that can be killed.
func process(t testing.TB, addr, dir string) (js jetstream.JetStream, kill func()) {
	t.Helper()
	p := exec.Command(os.Args[0])
	p.Env = append(os.Environ(), serverAddr+"="+addr, serverDir+"="+dir)
	p.Stderr = os.Stderr
	require.NoError(t, p.Start())
	kill = func() { _ = p.Process.Kill(); _ = p.Wait() }
	t.Cleanup(kill)
	var conn *natsgo.Conn
	waitFor(t, func() bool {
		var err error
		conn, err = natsgo.Connect("nats://"+addr, natsgo.NoReconnect())
		return err == nil
	}, "the server")
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(patience))
	require.NoError(t, err)
	return js, kill
}

// A server killed with SIGKILL again and again in a drain: the stream has all
// of the lane in order, each event once.
func TestServerKilled(t *testing.T) {
	addr, dir := uplinktest.FreeAddr(t), t.TempDir()
	js, kill := process(t, addr, dir)
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: uplinktest.Stream, Subjects: []string{"watchpost.*.*.up.>"}})
	require.NoError(t, err)

	const count = 3000
	cable := uplinktest.NewCable(t, addr)
	cable.Slow(1 << 20)
	box := uplinktest.NewBox(t)
	box.Append(bridge.Alarm, "P1", count)
	box.Run(config("bus", newUplink(t, cable.Addr(), nil)))
	stored := func() uint64 {
		stream, err := js.Stream(context.Background(), uplinktest.Stream)
		if err != nil {
			return 0
		}
		return stream.CachedInfo().State.Msgs
	}
	for _, at := range []uint64{200, 900, 1700} {
		waitFor(t, func() bool { return stored() > at }, "some of it")
		kill()
		js, kill = process(t, addr, dir)
	}
	box.WaitDrained()
	stream, err := js.Stream(t.Context(), uplinktest.Stream)
	require.NoError(t, err)
	require.EqualValues(t, count, stream.CachedInfo().State.Msgs)
	for n := uint64(1); n <= count; n += 7 {
		message, err := stream.GetMsg(t.Context(), n)
		require.NoError(t, err)
		e, err := bridge.DecodeEvent(message.Data)
		require.NoError(t, err)
		require.Equal(t, bridge.SequenceText(n), e.Sequence)
	}
}
