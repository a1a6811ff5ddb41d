package station

import (
	"net"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
)

// Two pillars that were set up with one id both work; health says which.
func TestTwoPillarsWithOneIDAreNamed(t *testing.T) {
	s := patrolled(t)
	s.pillars.known["P-1"] = config.Pillar{ID: "P-1", Password: "p"}
	for i, from := range []string{"127.0.0.1", "127.0.0.2"} {
		c := paho.NewClient(paho.NewClientOptions().AddBroker("mqtt://" + s.pillars.broker.Addr()).SetUsername("P-1").SetPassword("p").
			SetClientID(from).SetAutoReconnect(false).SetDialer(&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}))
		token := c.Connect()
		require.True(t, token.WaitTimeout(chainWithin))
		require.NoError(t, token.Error())
		t.Cleanup(func() { c.Disconnect(0) })
		require.Len(t, s.pillarFindings(), i)
	}
	f := s.pillarFindings()[0]
	require.Equal(t, []string{"pillar_twice", "P-1", "127.0.0.2 is also connected from 127.0.0.1: give each device an id of its own"}, []string{f.Code, f.Subject, f.Text})
}
