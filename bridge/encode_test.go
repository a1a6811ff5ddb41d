package bridge_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

func TestEncodeKeepsDataByteForByte(t *testing.T) {
	e := bridge.Event{SpecVersion: "1.0", ID: "a", Subject: "x<y", Time: bridge.At(time.Unix(0, 0)), Data: json.RawMessage(`{"a":"<&>东"}`)}
	b, err := e.Encode()
	require.NoError(t, err)
	require.Contains(t, string(b), `"data":{"a":"<&>东"}`)
	require.NotContains(t, string(b), "\n")
	back, err := bridge.DecodeEvent(b)
	require.NoError(t, err)
	require.Equal(t, e, back)
}

func TestWithheldKeepsTheHash(t *testing.T) {
	e := bridge.Event{ID: "a", DataHash: "sha256:x", DataSalt: "00", Data: json.RawMessage(`{}`)}
	w := e.Withheld()
	require.Equal(t, e.Hash(), w.Hash())
	require.Empty(t, w.Data)
	require.NotEmpty(t, e.Data)
}

func FuzzDecodeEvent(f *testing.F) {
	f.Add([]byte(`{"specversion":"1.0","id":"01J","time":"2026-01-02T03:04:05.006Z","recordedtime":"","lane":"alarm","sequence":"00000000000000000001","data":{"schema":1}}`))
	f.Add([]byte(`{"data":null}`))
	f.Add([]byte(`{"id":"\u2028<&>\"东\\","datasalt":"00","data":{"a": "\u2028<&>"},"drill":true,"time":"2026-01-02T03:04:05.6789Z"}`))
	f.Add([]byte(`{"time":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := bridge.DecodeEvent(b)
		if err != nil {
			return
		}
		once, err := e.Encode()
		if err != nil {
			return
		}
		require.Equal(t, plain(t, e), string(once))
		again, err := bridge.DecodeEvent(once)
		require.NoError(t, err)
		twice, err := again.Encode()
		require.NoError(t, err)
		require.Equal(t, string(once), string(twice))
	})
}

// plain is what encoding/json makes of the event.
func plain(t *testing.T, e bridge.Event) string {
	t.Helper()
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	require.NoError(t, encoder.Encode(e))
	return strings.TrimSuffix(b.String(), "\n")
}
