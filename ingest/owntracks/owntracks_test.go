package owntracks_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/owntracks"
)

func now() time.Time { return time.Unix(1_790_000_000, 0).UTC() }

const topic = "owntracks/zhang/phone"

func number(v float64) *float64 { return &v }

// TestDecode reads what the apps of Android and iOS send (the booklet's
// examples, shortened).
func TestDecode(t *testing.T) {
	fix, err := owntracks.Decode(topic, []byte(`{"_type":"location","acc":12,"alt":154,"batt":53,"bs":1,"cog":90,"conn":"m","lat":28.69,"lon":115.99,"t":"u","tid":"p1","tst":1789999990,"vac":2,"vel":36}`), now())
	require.NoError(t, err)
	require.Equal(t, ingest.Fix{
		Person: "zhang", At: now().Add(-10 * time.Second), Position: ingest.Position{Lat: 28.69, Lon: 115.99},
		AccuracyM: number(12), SpeedMPS: number(10), HeadingDeg: number(90), BatteryPct: number(53),
	}, fix)
	fix, err = owntracks.Decode(topic, []byte(`{"_type":"location","acc":-1,"batt":-1,"cog":-1,"lat":0,"lon":0,"tst":1790003600,"vel":-1}`), now())
	require.NoError(t, err)
	require.Equal(t, ingest.Fix{Person: "zhang", At: now()}, fix, "a phone whose clock is ahead; what it does not know is not there")
}

func TestWhatIsNoPosition(t *testing.T) {
	for _, ignored := range []string{
		"", `{"_type":"lwt","tst":1}`, `{"_type":"transition","lat":1,"lon":1,"tst":1,"event":"enter"}`, `{"_type":"encrypted","data":"AAAA"}`, `{"_type":"waypoints"}`,
	} {
		_, err := owntracks.Decode(topic, []byte(ignored), now())
		require.ErrorIs(t, err, owntracks.ErrIgnored, ignored)
	}
	for payload, field := range map[string]string{
		`nonsense`: "payload", `[]`: "payload", `{"_type":1}`: "payload", `{}`: "_type", `{"_type":"location","lat":"north"}`: "payload",
		`{"_type":"location","lon":1,"tst":1}`: "lat", `{"_type":"location","lat":91,"lon":1,"tst":1}`: "lat", `{"_type":"location","lat":1,"lon":-181,"tst":1}`: "lon",
		`{"_type":"location","lat":1,"lon":1}`: "tst", `{"_type":"location","lat":1,"lon":1,"tst":-1}`: "tst",
	} {
		_, err := owntracks.Decode(topic, []byte(payload), now())
		var bad *owntracks.MalformedError
		require.ErrorAs(t, err, &bad, payload)
		require.Equal(t, field, bad.Field, payload)
	}
	for _, other := range []string{"pillar/P-1/press", "owntracks", "owntracks/zhang", "owntracks//phone", "owntracks/zhang/"} {
		_, err := owntracks.Decode(other, []byte(`{"_type":"location","lat":1,"lon":1,"tst":1}`), now())
		require.ErrorContains(t, err, "topic", other)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"_type":"location","acc":12,"batt":53,"cog":90,"lat":28.69,"lon":115.99,"tst":1789999990,"vel":36}`, `{"_type":"lwt"}`, `{"_type":"location","lat":1e308,"tst":1e300}`, "\xff{",
	} {
		f.Add(topic, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, topic string, payload []byte) {
		fix, err := owntracks.Decode(topic, payload, now())
		if err != nil {
			return
		}
		require.NotEmpty(t, fix.Person)
		require.False(t, fix.At.After(now().Add(5*time.Second)))
		require.True(t, math.Abs(fix.Position.Lat) <= 90 && math.Abs(fix.Position.Lon) <= 180)
		for _, v := range []*float64{fix.AccuracyM, fix.SpeedMPS, fix.HeadingDeg, fix.BatteryPct} {
			require.False(t, v != nil && (math.IsNaN(*v) || math.IsInf(*v, 0) || *v < 0))
		}
	})
}
