package station

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/partner"
	"github.com/watchpost-edge/watchpost/bridge/uplink/uplinktest"
)

const routingConfig = `
routing:
  partners:
    - {id: works, name: 市政设施管护中心, kind: mqtt, password_file: P-1}
    - {id: lights, kind: mqtt, url: "mqtt://%s", topic: city/lights}
    - {id: council, contact: 0791-1}
  classes: [{id: c, kinds: [{id: road, name: 路面塌陷, partners: [works, lights, council], limit: 1h}]}]
`

// partnersProgram answers every order with accepted.
func partnersProgram(t *testing.T, addr, user, password, topic string) paho.Client {
	t.Helper()
	client := paho.NewClient(paho.NewClientOptions().AddBroker("mqtt://" + addr).SetClientID("program of " + topic).SetUsername(user).SetPassword(password).SetAutoReconnect(false))
	token := client.Connect()
	require.True(t, token.WaitTimeout(chainWithin))
	require.NoError(t, token.Error())
	t.Cleanup(func() { client.Disconnect(10) })
	token = client.Subscribe(topic+"/orders", 1, func(c paho.Client, m paho.Message) {
		var order partner.Message
		if json.Unmarshal(m.Payload(), &order) == nil {
			c.Publish(topic+"/reply", 1, false, fmt.Sprintf(`{"order":%q,"id":%q,"result":"accepted"}`, order.Data.Order, order.ID))
		}
	})
	require.True(t, token.WaitTimeout(chainWithin))
	require.NoError(t, token.Error())
	return client
}

// TestRoutedThroughTheWholeBox: from the operator's click over the box's own
// broker and the partner's, and back.
func TestRoutedThroughTheWholeBox(t *testing.T) {
	theirs := uplinktest.NewMosquitto(t)
	theirs.Bare = true
	theirs.Start()
	w := newWhole(t, theirs.Addr(), time.Minute, fmt.Sprintf(routingConfig, theirs.Addr()))
	partnersProgram(t, theirs.Addr(), "", "", "city/lights")
	var made struct{ Incident *desk.Incident }
	w.do(http.MethodPost, "/incidents", map[string]string{"source": "call_110", "kind": "road_damage", "place": "建设路"}, &made)
	w.do(http.MethodPost, "/incidents/"+made.Incident.ID+"/route", map[string]any{"kind": "road", "close": true}, &made)
	require.Equal(t, "transferred", made.Incident.Result)

	states := func() map[string]*desk.Task {
		var answer struct {
			Partners []struct {
				ID     string
				Orders []*desk.Task
			}
		}
		w.do(http.MethodGet, "/routing", nil, &answer)
		all := map[string]*desk.Task{}
		for _, p := range answer.Partners {
			for _, task := range p.Orders {
				all[p.ID] = task
			}
		}
		return all
	}
	require.Eventually(t, func() bool { return states()["lights"].State == desk.Accepted }, chainWithin, 20*time.Millisecond)
	before := states()
	require.Equal(t, desk.Issued, before["works"].State, "its outage is nobody else's")
	require.True(t, before["works"].Order.DeliveredAt.IsZero())
	require.Empty(t, before["council"].Order.Waiting, "it is called")

	own := partnersProgram(t, w.pillars.broker.Addr(), "works", "p", "partner/works")
	require.Eventually(t, func() bool { // its answer may come before the desk knows that it was delivered
		works := states()["works"]
		return works.State == desk.Accepted && !works.Order.DeliveredAt.IsZero()
	}, chainWithin, 20*time.Millisecond)
	// Another's topic is not its own: the broker ends the connection.
	own.Publish("partner/council/reply", 1, false, fmt.Sprintf(`{"order":%q,"result":"done","report":"x"}`, before["council"].ID))
	require.Eventually(t, func() bool { return !own.IsConnectionOpen() }, chainWithin, 10*time.Millisecond)
	require.Equal(t, desk.Issued, states()["council"].State)
	w.do(http.MethodPost, "/partners/council/replies", map[string]string{"order": before["council"].ID, "result": "done", "report": "已劝离"}, nil)
	require.Equal(t, desk.Reported, states()["council"].State)
	require.Eventually(t, func() bool { return len(w.partnerFindings()) == 0 }, chainWithin, 20*time.Millisecond, "nothing waits any more")
}
