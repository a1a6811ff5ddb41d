package pillar_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/pillar"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestDecode(t *testing.T) {
	p, err := pillar.Decode("pillar/P-001/press", []byte(`{"id":"e1","kind":"alarm","at":"2026-11-22T19:59:59.5+08:00","seq":42,"replayed":true,"more":1}`), noon)
	require.NoError(t, err)
	require.Equal(t, "P-001", p.Pillar)
	require.Equal(t, "e1", p.ID)
	require.Equal(t, ingest.PressAlarm, p.Kind)
	require.True(t, p.At.Equal(noon.Add(-500*time.Millisecond)))
	require.Equal(t, "2026-11-22T19:59:59.5+08:00", p.AtText)
	require.EqualValues(t, 42, p.Seq)
	require.True(t, p.Replayed)
	require.Equal(t, noon, p.Received)

	p, err = pillar.Decode("pillar/P-001/press", []byte(`{"id":"e1","kind":"duress"}`), noon)
	require.NoError(t, err)
	require.True(t, p.At.IsZero())
}

func TestDecodeSaysWhatIsWrong(t *testing.T) {
	long := strings.Repeat("x", 129)
	for _, c := range []struct{ payload, id, want string }{
		{`{`, "", "payload \"{\": send one JSON object: unexpected end of JSON input"},
		{`[]`, "", `payload "[]": send one JSON object, this is of another kind: array`},
		{`{"kind":"alarm"}`, "", `id: "": give every press an id of its own`},
		{`{"id":7,"kind":"alarm"}`, "7", `id: "number": want a text`},
		{`{"id":"` + long + `","kind":"alarm"}`, long, "use at most 128 characters"},
		{`{"id":"a\u0000b","kind":"alarm"}`, "a\x00b", "use printable characters only"},
		{`{"id":"e","kind":"fire"}`, "e", `kind: "fire": use alarm, duress, test, talk or tamper`},
		{`{"id":"e"}`, "e", `kind: "": use alarm`},
		{`{"id":"e","kind":"alarm","at":"yesterday"}`, "e", `at: "yesterday": use RFC 3339`},
		{`{"id":"e","kind":"alarm","seq":-1}`, "e", `seq: "number -1": want a whole number from 0`},
		{`{"id":"e","kind":"alarm","seq":1.5}`, "e", `seq: "number 1.5": want a whole number from 0`},
		{`{"id":"e","kind":"alarm","replayed":"no"}`, "e", `replayed: "string": want true or false`},
		{`{"id":"e","kind":"alarm","pad":"` + strings.Repeat("x", 4096) + `"}`, "e", "send at most 4096 bytes"},
		{"{\"id\":\"\xff\",\"kind\":\"alarm\"}", "\ufffd", "send JSON in UTF-8"},
	} {
		_, err := pillar.Decode("pillar/P-001/press", []byte(c.payload), noon)
		var bad *pillar.Malformed
		require.ErrorAs(t, err, &bad, c.payload)
		require.Contains(t, err.Error(), c.want)
		require.Equal(t, c.id, bad.ID, c.payload)
		require.Less(t, len(err.Error()), 300)
	}
}

func TestDecodeStatus(t *testing.T) {
	s, err := pillar.DecodeStatus("pillar/P-001/status", []byte(`{"online":true,"at":"2026-11-22T11:59:00.000Z","battery_mv":12100,"rssi_dbm":-61,"firmware":"1.4.2","tampered":true}`), noon)
	require.NoError(t, err)
	require.Equal(t, 12100, *s.BatteryMV)
	require.Equal(t, -61, *s.RSSIdBm)
	require.True(t, s.Online)
	require.True(t, s.Tampered)
	require.Equal(t, noon.Add(-time.Minute), s.At)

	s, err = pillar.DecodeStatus("pillar/P-001/status", []byte(`{"online":false}`), noon)
	require.NoError(t, err)
	require.Equal(t, ingest.PillarStatus{Pillar: "P-001", At: noon}, s)

	for payload, want := range map[string]string{
		``: "send one JSON object", `{}`: "online: \"missing\": say true or false",
		`{"online":true,"battery_mv":"full"}`: "battery_mv: \"string\": want a whole number",
	} {
		_, err = pillar.DecodeStatus("pillar/P-001/status", []byte(payload), noon)
		require.ErrorContains(t, err, want)
	}
}

func TestEncode(t *testing.T) {
	require.JSONEq(t, `{"id":"e1","result":"stored","reason":"","incident":"01J","at":"2026-11-22T12:00:00.000Z"}`,
		string(pillar.EncodeAck("e1", ingest.PressResult{Result: "stored", Incident: "01J"}, noon)))
	b, err := pillar.EncodeCommand(pillar.Command{Light: "flash", Say: "警察马上到"})
	require.NoError(t, err)
	require.JSONEq(t, `{"light":"flash","say":"警察马上到"}`, string(b))
	_, err = pillar.EncodeCommand(pillar.Command{Light: "red"})
	require.ErrorContains(t, err, `light: "red": use off, flash or steady`)
	_, err = pillar.EncodeCommand(pillar.Command{})
	require.Error(t, err)
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"id":"e1","kind":"alarm","at":"2026-11-22T12:00:00.000Z","seq":42,"replayed":false}`,
		`{"id":"一","kind":"test"}`, `{"id":7}`, `{"ID":"e","KIND":"talk","at":null}`, `null`, ``, "\xff",
		`{"online":true,"at":"2026-11-22T12:00:00Z","battery_mv":1}`,
	} {
		f.Add("pillar/P-001/press", []byte(s))
	}
	f.Fuzz(func(t *testing.T, topic string, payload []byte) {
		if s, err := pillar.DecodeStatus(topic, payload, noon); err == nil {
			require.NotEmpty(t, s.Pillar)
		}
		p, err := pillar.Decode(topic, payload, noon)
		if err != nil {
			var bad *pillar.Malformed
			require.ErrorAs(t, err, &bad)
			require.NotEmpty(t, bad.Fix)
			pillar.EncodeAck(bad.ID, ingest.PressResult{Result: "rejected", Reason: bad.Error()}, noon)
			return
		}
		again, err := pillar.Decode(topic, pillar.Encode(p), noon)
		require.NoError(t, err)
		require.Equal(t, p, again)
	})
}
