package evidence_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/evidence"
)

// movie is an ordinary MP4 of 6 s with a key picture every 2 s, B-pictures and
// an edit list.
var movie = sync.OnceValues(func() ([]byte, error) { return film("-movflags", "+faststart") })

func film(more ...string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "evidence")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "clip.mp4")
	args := []string{
		"-nostdin", "-v", "error", "-threads", "1", "-f", "lavfi", "-i", "testsrc2=size=96x64:rate=10:duration=6",
		"-c:v", "libx264", "-threads", "1", "-preset", "veryfast", "-bf", "2", "-g", "20", "-keyint_min", "20", "-sc_threshold", "0",
	}
	out, err := exec.Command("ffmpeg", append(append(args, more...), path)...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("ffmpeg: %w: %s", err, out)
	}
	return os.ReadFile(path)
}

func footage(t testing.TB) []byte {
	t.Helper()
	b, err := movie()
	require.NoError(t, err)
	return b
}

type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

func holds(b []byte) evidence.Opener {
	return func(context.Context) (io.ReadSeekCloser, error) { return memory{bytes.NewReader(b)}, nil }
}

func gone(context.Context) (io.ReadSeekCloser, error) {
	return nil, fmt.Errorf("open clip: %w", fs.ErrNotExist)
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

var (
	start  = time.Date(2026, 3, 1, 6, 2, 3, 120e6, time.UTC)
	still  = []byte("\xff\xd8\xff still of a sighting, as bytes that never change \xff\xd9")
	signer = evidence.NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)))
	public = signer.Public().(ed25519.PublicKey)
)

// chained makes events as the journal does.
type chained struct {
	list []bridge.Event
	last map[bridge.Lane]bridge.Event
}

func (c *chained) add(lane bridge.Lane, kind string, data any) *chained {
	if c.last == nil {
		c.last = map[bridge.Lane]bridge.Event{}
	}
	n, prev := uint64(1), bridge.ZeroHash
	if e, ok := c.last[lane]; ok {
		n, _ = bridge.SequenceNumber(e.Sequence)
		n, prev = n+1, e.Hash()
	}
	raw, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	salt := bytes.Repeat([]byte{byte(len(c.list))}, 16)
	at := bridge.At(start.Add(time.Duration(len(c.list)) * time.Second))
	e := bridge.Event{
		SpecVersion: "1.0", ID: fmt.Sprintf("01M00000000000000000000%03d", len(c.list)), Source: "watchpost/jingdong/a", Type: kind,
		Time: at, RecordedTime: at, Subject: "incidents/01MINCIDENT", DataContentType: "application/json", Epoch: "01MEPOCH", Lane: lane,
		Sequence: bridge.SequenceText(n), PrevHash: prev, DataHash: bridge.DataHashOf(salt, raw), DataSalt: hex.EncodeToString(salt),
		Severity: "P0", Data: raw,
	}
	c.last[lane] = e
	c.list = append(c.list, e)
	return c
}

func (c *chained) seq() iter.Seq2[bridge.Event, error] {
	return func(yield func(bridge.Event, error) bool) {
		for _, e := range c.list {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func journalOf(clip []byte) *chained {
	c := &chained{}
	c.add(bridge.Alarm, "watchpost.incident.opened", map[string]any{"schema": 1, "incident": "01MINCIDENT", "priority": "P0"})
	c.add(bridge.Alarm, "watchpost.alert.raised", map[string]any{"schema": 1, "alert": "01MALERT", "incident": "01MINCIDENT"})
	c.add(bridge.Alarm, "watchpost.incident.noted", map[string]any{"schema": 1, "note": "another incident's"})
	c.list[2] = c.list[2].Withheld()
	c.add(bridge.Clip, "watchpost.clip.ready", map[string]any{"schema": 1, "clip": "01MINCIDENT-东门-1", "part": "whole", "sha256": hexSum(clip)})
	c.add(bridge.Alarm, "watchpost.incident.closed", map[string]any{"schema": 1, "incident": "01MINCIDENT", "result": "resolved", "by": "王"})
	c.add(bridge.Local, "watchpost.access.exported", map[string]any{"schema": 1, "incident": "01MINCIDENT", "by": "王"})
	return c
}

func caseOf(t testing.TB) evidence.Case {
	clip := footage(t)
	events := journalOf(clip)
	alarm := events.last[bridge.Alarm]
	return evidence.Case{
		Incident: "01MINCIDENT", Station: "jingdong", Box: "a", Version: "1.0", Made: bridge.At(start.Add(time.Hour)), By: "王", Reason: "案件 12",
		Events: events.seq(),
		Heads:  []evidence.Head{{Epoch: "01MEPOCH", Lane: bridge.Alarm, Sequence: 4, Hash: alarm.Hash()}},
		Clips: []evidence.Clip{
			{
				ID: "01MINCIDENT-东门-1", Part: "whole", Camera: "东门", From: bridge.At(start), To: bridge.At(start.Add(6 * time.Second)),
				OffsetMS: 12.5, UncertaintyMS: 40, Masked: true, Open: holds(clip),
			},
			{ID: "01MINCIDENT-yard-1", Part: "whole", Camera: "yard", Open: gone},
		},
		Snapshots: []evidence.File{{Name: hexSum(still) + ".jpg", SHA256: hexSum(still), Camera: "东门", At: bridge.At(start), Open: holds(still)}},
		Receipts:  []evidence.Receipt{{Event: events.list[0].ID, Epoch: "01MEPOCH", Lane: bridge.Alarm, Sequence: 1, Delivery: bridge.Delivery{Uplink: "city", Mark: bridge.MarkAccepted, By: "指挥中心"}}},
		Clocks:    []evidence.Clock{{Device: "东门", At: bridge.At(start), OffsetMS: 12.5, UncertaintyMS: 40, How: "rtcp"}},
		Custody:   []evidence.Custody{{At: bridge.At(start.Add(time.Hour)), By: "王", What: "exported", Of: "incident 01MINCIDENT", Event: events.list[5].ID}},
	}
}

func bundle(t testing.TB, c evidence.Case) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, evidence.Write(t.Context(), &b, c, signer))
	return b.Bytes()
}

func verify(t testing.TB, b []byte, key ed25519.PublicKey) *evidence.Report {
	t.Helper()
	r, err := evidence.Verify(t.Context(), bytes.NewReader(b), int64(len(b)), key)
	require.NoError(t, err)
	return r
}
