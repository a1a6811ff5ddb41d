package hq_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/firmware-sim/fault"
	"github.com/watchpost-edge/watchpost/firmware-sim/hq"
)

const source = "/stations/s1/boxes/a"

// chain makes events as a box would; its hashes are written out once more
// here, so that a mistake in the package would have to be made twice.
type chain struct {
	epoch, lane string
	last        uint64
	prev        string
}

func newChain(lane string) *chain {
	return &chain{epoch: "01JEPOCH", lane: lane, prev: "sha256:" + fmt.Sprintf("%064d", 0)}
}

type made struct {
	id, hash string
	payload  []byte
}

func (c *chain) next(t testing.TB, change ...func(map[string]any)) made {
	t.Helper()
	return c.with(t, `{"b":[1,2.50,"东"],"a":{"schema":1}}`, `{"a":{"schema":1},"b":[1,2.5,"东"]}`, change...)
}

func (c *chain) with(t testing.TB, data, canonical string, change ...func(map[string]any)) made {
	t.Helper()
	c.last++
	salt := []byte("0123456789abcdef")
	sum := sha256.Sum256(append(append([]byte{}, salt...), canonical...))
	e := map[string]any{
		"specversion": "1.0", "id": fmt.Sprintf("%s-%d", c.lane, c.last), "source": source, "type": "watchpost.alert.raised",
		"subject": "incidents/1", "time": "2026-01-02T03:04:05.006Z", "recordedtime": "2026-01-02T03:04:05.007Z",
		"epoch": c.epoch, "lane": c.lane, "sequence": fmt.Sprintf("%020d", c.last), "prevhash": c.prev, "severity": "P0", "drill": false,
		"datahash": "sha256:" + hex.EncodeToString(sum[:]), "datasalt": hex.EncodeToString(salt), "data": json.RawMessage(data),
	}
	for _, f := range change {
		f(e)
	}
	h := sha256.New()
	for _, name := range []string{"epoch", "lane", "sequence", "id", "source", "type", "subject", "time", "recordedtime", "severity", "drill", "datahash", "prevhash"} {
		text, ok := e[name].(string)
		if !ok {
			text = strconv.FormatBool(e[name].(bool))
		}
		_ = binary.Write(h, binary.BigEndian, uint32(len(text)))
		h.Write([]byte(text))
	}
	payload, err := json.Marshal(e)
	require.NoError(t, err)
	c.prev = "sha256:" + hex.EncodeToString(h.Sum(nil))
	return made{id: e["id"].(string), hash: c.prev, payload: payload}
}

// running is a headquarters that is on.
type running struct {
	*hq.HQ
	cancel context.CancelCauseFunc
	done   chan error
}

func (r *running) on(t *testing.T) {
	t.Helper()
	require.NoError(t, r.Open())
	ctx, cancel := context.WithCancelCause(context.Background())
	r.cancel, r.done = cancel, make(chan error, 1)
	go func() { r.done <- r.Run(ctx) }()
	eventually(t, func() bool { return r.State().Listening })
}

func (r *running) off(t *testing.T, cause error) {
	t.Helper()
	r.cancel(cause)
	select {
	case err := <-r.done:
		require.NoError(t, err)
	case <-time.After(time.Minute):
		require.Fail(t, "headquarters did not stop")
	}
}

func start(t *testing.T) *running {
	t.Helper()
	r := &running{HQ: hq.New(hq.Config{
		Name: "hq", Station: "s1", Box: "a", Dir: t.TempDir(), MQTT: "127.0.0.1:0", TUS: "127.0.0.1:0",
		Username: "box", Password: "secret", Receipts: hq.ReceiptsAuto,
	}, discard())}
	r.on(t)
	t.Cleanup(func() {
		if r.State().Running {
			r.off(t, nil)
		}
	})
	return r
}

func eventually(t *testing.T, f func() bool) {
	t.Helper()
	require.Eventually(t, f, time.Minute, 10*time.Millisecond)
}

// box is the station's end of the uplink.
type box struct {
	client mqtt.Client
	mu     sync.Mutex
	down   map[string][]map[string]any // by leaf
}

func (r *running) dial(t *testing.T) *box {
	t.Helper()
	b := &box{down: map[string][]map[string]any{}}
	lost := make(chan struct{})
	b.client = mqtt.NewClient(mqtt.NewClientOptions().AddBroker(r.State().MQTT).SetClientID("watchpost-s1-a").
		SetUsername("box").SetPassword("secret").SetAutoReconnect(false).
		SetConnectionLostHandler(func(mqtt.Client, error) { close(lost) }))
	done(t, b.client.Connect())
	done(t, b.client.Subscribe("watchpost/s1/a/down/#", 1, func(_ mqtt.Client, m mqtt.Message) {
		var fields map[string]any
		if json.Unmarshal(m.Payload(), &fields) != nil {
			return
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		leaf := m.Topic()[len("watchpost/s1/a/down/"):]
		b.down[leaf] = append(b.down[leaf], fields)
	}))
	t.Cleanup(func() { b.client.Disconnect(50) })
	return b
}

func done(t *testing.T, token mqtt.Token) {
	t.Helper()
	require.True(t, token.WaitTimeout(time.Minute))
	require.NoError(t, token.Error())
}

func (b *box) up(t *testing.T, leaf string, events ...made) {
	t.Helper()
	for _, e := range events {
		done(t, b.client.Publish("watchpost/s1/a/up/"+leaf, 1, false, e.payload))
	}
}

func (b *box) got(leaf string) []map[string]any {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]map[string]any(nil), b.down[leaf]...)
}

// through is how far the lane was received, by the receipts.
func (b *box) through(lane string) (last float64) {
	for _, r := range b.got("receipt") {
		if r["lane"] == lane && r["result"] == "received" {
			last = max(last, r["through"].(float64))
		}
	}
	return last
}

func (b *box) result(id string) string {
	for _, r := range b.got("receipt") {
		if r["id"] == id {
			return r["result"].(string)
		}
	}
	return ""
}

type entry struct {
	ID, Epoch, Lane, Sequence, Via, Verdict, Reason, Hash, Received string
	Event                                                           json.RawMessage
}

func (r *running) entries(t *testing.T) (out []entry) {
	t.Helper()
	raw, err := r.Ledger(0)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &out), string(raw))
	return out
}

func (r *running) verdicts(t *testing.T) (out []string) {
	t.Helper()
	for _, e := range r.entries(t) {
		out = append(out, e.ID+" "+e.Via+" "+e.Verdict)
	}
	return out
}

var errKilled = fault.ErrKilled
