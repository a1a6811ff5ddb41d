package ingest

import (
	"encoding/json"
	"time"
)

// Fix is one report of where a person's phone is. A nil field is not known.
type Fix struct {
	Person     string    `json:"person"`
	At         time.Time `json:"at"` // by the phone's clock; box time when that is ahead
	Position   Position  `json:"position"`
	AccuracyM  *float64  `json:"accuracy_m,omitempty"`  // radius of the circle in which it is
	SpeedMPS   *float64  `json:"speed_mps,omitempty"`   // over ground
	HeadingDeg *float64  `json:"heading_deg,omitempty"` // degrees clockwise from true north
	BatteryPct *float64  `json:"battery_pct,omitempty"`
}

// MarshalJSON writes the time as all times are written: UTC, milliseconds.
func (f Fix) MarshalJSON() ([]byte, error) {
	type plain Fix
	return json.Marshal(struct {
		plain
		At string `json:"at"`
	}{plain(f), Stamp(f.At)})
}
