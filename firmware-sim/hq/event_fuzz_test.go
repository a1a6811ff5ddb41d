package hq

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzReceive feeds one message over every way up, twice. Whatever it is, it
// gets exactly one line with a verdict the first time, the line survives the
// ledger's encoding, and the same bytes never count twice.
func FuzzReceive(f *testing.F) {
	f.Add([]byte(`{"specversion":"1.0","id":"1","source":"/stations/s1/boxes/a","type":"t","time":"2026-01-02T03:04:05.006Z","recordedtime":"2026-01-02T03:04:05.006Z","epoch":"E","lane":"alarm","sequence":"00000000000000000001","prevhash":"` + zeroHash + `","datahash":"sha256:00","severity":"P0","drill":false}`))
	f.Add([]byte(`{"specversion":"1.0","id":"1","source":"/stations/s1/boxes/a","type":"t","time":"2026-01-02T03:04:05.006Z","recordedtime":"2026-01-02T03:04:05.006Z","epoch":"E","lane":"alarm","sequence":"00000000000000000009","data":{"b":1e400,"a":"\ud800"},"datasalt":"00112233445566778899aabbccddeeff"}`))
	f.Add([]byte(`{"specversion":"1.0","id":"1","source":"/stations/s1/boxes/a","type":"watchpost.journal.retired","time":"2026-01-02T03:04:05.006Z","recordedtime":"2026-01-02T03:04:05.006Z","epoch":"E","lane":"notice","sequence":"00000000000000000001","data":{"lane":"alarm","from":1,"to":"00000000000000000040","hash":"sha256:11"}}`))
	f.Add([]byte(`{"id":7,"sequence":[],"drill":"yes","data":[1,{"a":null}]}`))
	f.Add([]byte(`null`))
	f.Add([]byte("\xff\x00{"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, way := range []struct{ lane, via string }{{"alarm", viaLane}, {"", viaNow}, {"alarm", viaReplay}, {"notice", viaLane}} {
			b := newBooks("/stations/s1/boxes/a")
			first := b.receive(payload, way.lane, way.via, "2026-01-02T03:04:05.006Z")
			require.Len(t, first, 1)
			require.NotEmpty(t, first[0].Verdict)
			again := b.receive(payload, way.lane, way.via, "2026-01-02T03:04:05.006Z")
			require.Len(t, again, 1)
			require.False(t, again[0].Taken)
			if first[0].Verdict == verdictOK {
				require.Equal(t, verdictDuplicate, again[0].Verdict)
			}

			raw, err := json.Marshal(first[0])
			require.NoError(t, err)
			require.NotContains(t, string(raw), "\n")
			var back line
			require.NoError(t, json.Unmarshal(raw, &back))
			restored := newBooks("/stations/s1/boxes/a")
			require.NoError(t, restored.restore(back))
			for k, c := range b.chains {
				require.Equal(t, c.last, restored.chain(k).last)
			}
		}
	})
}
