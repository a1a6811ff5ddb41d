package station

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/schema"
	"github.com/watchpost-edge/watchpost/appliance/internal/schema/schematest"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/uplink/uplinktest"
)

// contracts are the schemas that all boxes of these tests are checked against.
var contracts = sync.OnceValue(schematest.New)

// fitsContracts checks all that the box has written against its schemas.
func (w *whole) fitsContracts() {
	check := contracts()
	for place := uint64(0); ; {
		records, err := w.journal.Read(place, 1000)
		require.NoError(w.t, err)
		if len(records) == 0 {
			require.NotZero(w.t, place, "it wrote nothing")
			return
		}
		for i := range records {
			require.NoError(w.t, check.Event(&records[i].Event))
		}
		place = records[len(records)-1].Place
	}
}

// topics are the addresses of the AsyncAPI document, as patterns.
func topics(t *testing.T) []*regexp.Regexp {
	var document struct {
		Channels map[string]struct{ Address string }
	}
	require.NoError(t, json.Unmarshal(schema.AsyncAPI(), &document))
	var all []*regexp.Regexp
	for _, c := range document.Channels {
		parts := regexp.MustCompile(`\{\w+\}`).Split(c.Address, -1)
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		all = append(all, regexp.MustCompile("^"+strings.Join(parts, "[^/]+")+"$"))
	}
	return all
}

// eavesdropper hears all that goes over a broker.
type eavesdropper struct {
	t     *testing.T
	mu    sync.Mutex
	heard map[string][]byte // the newest by topic
}

func eavesdrop(t *testing.T, addr string) *eavesdropper {
	e := &eavesdropper{t: t, heard: map[string][]byte{}}
	client := paho.NewClient(paho.NewClientOptions().AddBroker("mqtt://" + addr).SetClientID("listener").SetAutoReconnect(false))
	token := client.Connect()
	require.True(t, token.WaitTimeout(chainWithin))
	require.NoError(t, token.Error())
	t.Cleanup(func() { client.Disconnect(10) })
	require.True(t, client.Subscribe("#", 1, func(_ paho.Client, m paho.Message) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.heard[m.Topic()] = m.Payload()
	}).WaitTimeout(chainWithin))
	return e
}

// described waits until something came on each of the topics, which are below
// the box's own. Then nothing came on a topic that the AsyncAPI document does
// not have, and what the box sent fits its schema.
func (e *eavesdropper) described(wanted ...string) {
	root := "watchpost/" + uplinktest.Station + "/" + uplinktest.BoxName + "/"
	require.Eventually(e.t, func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return !slices.ContainsFunc(wanted, func(topic string) bool { return e.heard[root+topic] == nil })
	}, chainWithin, 10*time.Millisecond)
	known := topics(e.t)
	e.mu.Lock()
	defer e.mu.Unlock()
	for topic, payload := range e.heard {
		require.True(e.t, slices.ContainsFunc(known, func(p *regexp.Regexp) bool { return p.MatchString(topic) }), "%s is not in asyncapi.json", topic)
		switch {
		case topic == root+"state":
			require.NoError(e.t, contracts().JSON("state", payload))
		case strings.HasPrefix(topic, root+"up/"):
			event, err := bridge.DecodeEvent(payload)
			require.NoError(e.t, err)
			require.NoError(e.t, contracts().Event(&event))
		case strings.HasPrefix(topic, root+"down/"):
			require.NoError(e.t, contracts().JSON(strings.TrimPrefix(topic, root+"down/"), payload))
		}
	}
}

// TestOrdersFromAboveAreReadAsDescribed: the examples of the schemas are what
// the box takes.
func TestOrdersFromAboveAreReadAsDescribed(t *testing.T) {
	for name, read := range map[string]func([]byte) error{
		"task":     func(b []byte) error { _, err := decodeOrder[taskFromAbove](b); return err },
		"incident": func(b []byte) error { _, err := decodeOrder[incidentFromAbove](b); return err },
	} {
		text, err := schema.Read(name + ".json")
		require.NoError(t, err)
		var document struct {
			Examples   []json.RawMessage
			Properties map[string]any
		}
		require.NoError(t, json.Unmarshal(text, &document))
		require.NotEmpty(t, document.Examples)
		for _, example := range document.Examples {
			require.NoError(t, read(example), name)
			fields := map[string]any{}
			require.NoError(t, json.Unmarshal(example, &fields))
			for field := range fields {
				require.Contains(t, document.Properties, field, name)
			}
		}
	}
}
