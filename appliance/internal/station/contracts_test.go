package station

import (
	"encoding/json"
	"regexp"
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

// fitsContracts checks all that the box has written against its schemas.
func (w *whole) fitsContracts() {
	check, err := schematest.New()
	require.NoError(w.t, err)
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

// TestTopicsAreDescribed: what a box says to headquarters' broker, and nothing
// else, is in the AsyncAPI document; what is sent fits its schema.
func TestTopicsAreDescribed(t *testing.T) {
	theirs := uplinktest.NewMosquitto(t)
	theirs.Start()
	var mu sync.Mutex
	heard := map[string][]byte{}
	client := paho.NewClient(paho.NewClientOptions().AddBroker("mqtt://" + theirs.Addr()).SetClientID("listener").SetAutoReconnect(false))
	token := client.Connect()
	require.True(t, token.WaitTimeout(chainWithin))
	require.NoError(t, token.Error())
	t.Cleanup(func() { client.Disconnect(10) })
	require.True(t, client.Subscribe("#", 1, func(_ paho.Client, m paho.Message) {
		mu.Lock()
		defer mu.Unlock()
		heard[m.Topic()] = m.Payload()
	}).WaitTimeout(chainWithin))
	w := newWhole(t, theirs.Addr(), time.Minute)
	w.drill("uplink:hq")
	root := "watchpost/" + uplinktest.Station + "/" + uplinktest.BoxName + "/"
	wanted := []string{root + "state", root + "up/now", root + "up/alarm", root + "up/notice"}
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		for _, topic := range wanted {
			if heard[topic] == nil {
				return false
			}
		}
		return true
	}, chainWithin, 10*time.Millisecond)
	check, err := schematest.New()
	require.NoError(t, err)
	known := topics(t)
	mu.Lock()
	defer mu.Unlock()
	for topic, payload := range heard {
		described := false
		for _, pattern := range known {
			described = described || pattern.MatchString(topic)
		}
		require.True(t, described, "%s is not in asyncapi.json", topic)
		switch {
		case topic == root+"state":
			require.NoError(t, check.JSON("state", payload))
		case strings.HasPrefix(topic, root+"up/"):
			e, err := bridge.DecodeEvent(payload)
			require.NoError(t, err)
			require.NoError(t, check.Event(&e))
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
