// Package owntracks owns the messages of phones that run OwnTracks (or speak
// like it, https://owntracks.org/booklet/tech/json/): bytes to ingest.Fix, and
// the Adapter that stands between an MQTT broker and whoever keeps positions.
//
// It takes _type location only. Every other type (lwt, transition, waypoint,
// card, encrypted, …) is ignored and counted: the box wants to know where
// people on duty are, and nothing else of their phones. A malformed message is
// counted, and one a minute is in the log. Both are acknowledged to the phone,
// which would otherwise send the same bytes for ever: positions are lossy.
//
// It decides nothing about a position: who is on duty, what is kept and for how
// long is for whoever is given it.
package owntracks

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/watchpost-edge/watchpost/ingest"
)

// Limits of a message.
const (
	payloadBytesMax = 4 << 10
	quotedBytesMax  = 80
	aheadMax        = 5 * time.Second // of a phone's clock; beyond it the arrival counts
)

// kmh is one kilometre an hour in metres a second.
const kmh = 1000.0 / 3600

// Prefix is the only part of the topic tree that a person's phones may use.
func Prefix(person string) string { return "owntracks/" + person + "/" }

// personOf is whose topic owntracks/{person}/{device}[/…] is.
func personOf(topic string) (string, bool) {
	parts := strings.SplitN(topic, "/", 3)
	if len(parts) != 3 || parts[0] != "owntracks" || parts[1] == "" || parts[2] == "" {
		return "", false
	}
	return parts[1], true
}

// ErrIgnored says that a message is well formed and none of ours.
var ErrIgnored = errors.New("not a location")

// MalformedError says what is wrong with a message and what to do about it.
type MalformedError struct{ Field, Value, Fix string }

func (m *MalformedError) Error() string { return fmt.Sprintf("%s: %s: %s", m.Field, m.Value, m.Fix) }

func malformed(field string, value any, fix string) error {
	v := fmt.Sprint(value)
	if len(v) > quotedBytesMax {
		v = strings.ToValidUTF8(v[:quotedBytesMax], "") + "…"
	}
	return &MalformedError{field, v, fix}
}

// location is a message of _type location; other fields are left alone.
type location struct {
	Type string   `json:"_type"`
	Lat  *float64 `json:"lat"`
	Lon  *float64 `json:"lon"`
	Tst  *float64 `json:"tst"`  // seconds since 1970
	Acc  *float64 `json:"acc"`  // metres
	Batt *float64 `json:"batt"` // percent
	Vel  *float64 `json:"vel"`  // km/h; −1 when the phone does not know
	Cog  *float64 `json:"cog"`  // degrees; likewise
}

// Decode reads a message. Its error is ErrIgnored or a *MalformedError.
func Decode(topic string, payload []byte, now time.Time) (ingest.Fix, error) {
	person, ok := personOf(topic)
	if !ok {
		return ingest.Fix{}, malformed("topic", topic, "publish on owntracks/{person}/{device}")
	}
	if len(payload) == 0 {
		return ingest.Fix{}, ErrIgnored // how MQTT clears what was retained
	}
	if len(payload) > payloadBytesMax {
		return ingest.Fix{}, malformed("payload", fmt.Sprintf("%d bytes", len(payload)), fmt.Sprintf("send at most %d bytes", payloadBytesMax))
	}
	var kind struct {
		Type *string `json:"_type"`
	}
	if err := json.Unmarshal(payload, &kind); err != nil {
		return ingest.Fix{}, malformed("payload", string(payload), "send one JSON object: "+err.Error())
	}
	if kind.Type == nil {
		return ingest.Fix{}, malformed("_type", "missing", "say location")
	}
	if *kind.Type != "location" {
		return ingest.Fix{}, ErrIgnored
	}
	var m location
	if err := json.Unmarshal(payload, &m); err != nil {
		return ingest.Fix{}, malformed("payload", string(payload), "send numbers: "+err.Error())
	}
	return m.fix(person, now)
}

func (m *location) fix(person string, now time.Time) (ingest.Fix, error) {
	for _, f := range []struct {
		name      string
		value     *float64
		low, high float64
	}{{"lat", m.Lat, -90, 90}, {"lon", m.Lon, -180, 180}, {"tst", m.Tst, 1, 1 << 40}} {
		switch {
		case f.value == nil:
			return ingest.Fix{}, malformed(f.name, "missing", "send it with every location")
		case !(*f.value >= f.low && *f.value <= f.high):
			return ingest.Fix{}, malformed(f.name, *f.value, fmt.Sprintf("want %g to %g", f.low, f.high))
		}
	}
	at := time.Unix(int64(*m.Tst), 0).UTC()
	if at.Sub(now) > aheadMax {
		at = now
	}
	return ingest.Fix{
		Person: person, At: at, Position: ingest.Position{Lat: *m.Lat, Lon: *m.Lon},
		AccuracyM: within(m.Acc, 1, math.MaxInt32), SpeedMPS: within(m.Vel, kmh, math.MaxInt32),
		HeadingDeg: within(m.Cog, 1, 360), BatteryPct: within(m.Batt, 1, 100),
	}, nil
}

// within is the value in another unit, or nil when the phone does not know it.
func within(v *float64, unit, most float64) *float64 {
	if v == nil || !(*v >= 0 && *v <= most) {
		return nil
	}
	x := *v * unit
	return &x
}
