package owntracks_test

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/mqtt"
	"github.com/watchpost-edge/watchpost/ingest/owntracks"
)

// serve runs a broker with zhang's and li's logins and gives what it hears.
func serve(t *testing.T) (*mqtt.Broker, *owntracks.Adapter, <-chan ingest.Fix) {
	b := mqtt.New(mqtt.Options{Listen: "127.0.0.1:0", Accounts: func(user string) (mqtt.Account, bool) {
		return mqtt.Account{Password: "secret", Prefix: owntracks.Prefix(user), OneWay: true}, user == "zhang" || user == "li"
	}})
	fixes := make(chan ingest.Fix, 100)
	a := owntracks.New(owntracks.Options{Broker: b, Fix: func(f ingest.Fix) { fixes <- f }})
	require.NoError(t, b.Open())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-done) })
	return b, a, fixes
}

func dial(t *testing.T, b *mqtt.Broker, user, password string) (paho.Client, error) {
	c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://"+b.Addr()).SetUsername(user).SetPassword(password).SetClientID(user+"phone").
		SetProtocolVersion(4).SetAutoReconnect(false).SetConnectTimeout(10*time.Second).SetWill("owntracks/"+user+"/phone", `{"_type":"lwt","tst":1}`, 1, true))
	token := c.Connect()
	require.True(t, token.WaitTimeout(time.Minute))
	t.Cleanup(func() { c.Disconnect(0) })
	return c, token.Error()
}

func where(lat float64) string {
	return fmt.Sprintf(`{"_type":"location","lat":%g,"lon":115.99,"tst":%d,"acc":5}`, lat, time.Now().Unix())
}

// TestPhone is a session as the app has it: it asks for its friends' topics,
// which it does not get, and publishes retained positions.
func TestPhone(t *testing.T) {
	b, a, fixes := serve(t)
	_, err := dial(t, b, "zhang", "wrong")
	require.Error(t, err)
	c, err := dial(t, b, "zhang", "secret")
	require.NoError(t, err)
	sub := c.Subscribe("owntracks/+/+", 1, nil).(*paho.SubscribeToken)
	require.True(t, sub.WaitTimeout(time.Minute))
	require.Equal(t, byte(0x80), sub.Result()["owntracks/+/+"], "it is refused")
	for qos, lat := range map[byte]float64{0: 28.1, 1: 28.2} {
		token := c.Publish("owntracks/zhang/phone", qos, true, where(lat))
		require.True(t, token.WaitTimeout(time.Minute), "the connection goes on")
		require.NoError(t, token.Error())
		fix := <-fixes
		require.Equal(t, "zhang", fix.Person)
		require.Equal(t, lat, fix.Position.Lat)
	}
	for _, payload := range []string{`{"_type":"lwt"}`, `{"_type":"location"}`} {
		require.True(t, c.Publish("owntracks/zhang/phone", 1, false, payload).WaitTimeout(time.Minute), "it must not send that for ever")
	}
	require.Equal(t, owntracks.Stats{Fixes: 2, Ignored: 1, Malformed: 1}, a.Stats())
	require.Zero(t, b.Stats().Retained, "a position outlives nobody's duty in the broker")

	// Another's topic ends the connection, and is not taken.
	c.Publish("owntracks/li/phone", 1, false, where(28))
	require.Eventually(t, func() bool { return !c.IsConnected() }, time.Minute, 10*time.Millisecond)
	require.Equal(t, uint64(2), a.Stats().Fixes)
	require.NotEmpty(t, b.Refusals())
}

// TestMosquitto is another client than the one that the box uses itself.
func TestMosquitto(t *testing.T) {
	b, _, fixes := serve(t)
	host, port := split(t, b.Addr())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "mosquitto_pub", "-h", host, "-p", port, "-u", "li", "-P", "secret", "-q", "1", "-r", "-t", "owntracks/li/a1", "-m", where(28.5)).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "li", (<-fixes).Person)
}

func split(t *testing.T, address string) (host, port string) {
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	return host, port
}
