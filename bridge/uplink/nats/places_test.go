package nats_test

import (
	"fmt"
	"testing"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/uplink/uplinktest"
)

// A flooded server refused an event, took those behind it, and was killed
// before it said so: what it has from before stands in the wrong place, and is
// sent again behind the one that is missing.
func TestOrderAfterAnAnswerThatWasLost(t *testing.T) {
	peer := uplinktest.NewJetStream(t)
	peer.Start()
	box := uplinktest.NewBox(t)
	records := box.Append(bridge.Alarm, "P1", 5)
	js := peer.JS()
	for _, r := range records[2:4] {
		wire, err := r.Event.Encode()
		require.NoError(t, err)
		n, err := bridge.SequenceNumber(r.Event.Sequence)
		require.NoError(t, err)
		_, err = js.PublishMsg(t.Context(), &natsgo.Msg{Subject: "watchpost." + uplinktest.Station + "." + uplinktest.BoxName + ".up.alarm", Data: wire},
			jetstream.WithMsgID(fmt.Sprintf("%s/alarm/%d", r.Event.Epoch, n)))
		require.NoError(t, err)
	}
	box.Run(config("bus", newUplink(t, peer.Addr(), nil)))
	box.WaitDrained()
	requireLaneInOrder(t, peer, 5)
}
