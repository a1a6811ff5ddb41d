package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Duration is a time.Duration written like 30s, 5m, 12h or 730d.
type Duration time.Duration

// Size is a number of bytes written like 512MiB or 200GiB.
type Size int64

// GiB is 2^30 bytes.
const GiB Size = 1 << 30

// Rate is bits per second written like 8Mbit; 0 is unlimited.
type Rate int64

// UnmarshalYAML reads a duration.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	if days, ok := strings.CutSuffix(n.Value, "d"); ok {
		v, err := strconv.ParseFloat(days, 64)
		if err == nil && v >= 0 && v < 100_000 {
			*d = Duration(v * 24 * float64(time.Hour))
			return nil
		}
	}
	v, err := time.ParseDuration(n.Value)
	if err != nil || v < 0 {
		return fmt.Errorf("%q is no duration; write it like 30s, 5m, 12h or 30d", n.Value)
	}
	*d = Duration(v)
	return nil
}

// UnmarshalYAML reads a size.
func (s *Size) UnmarshalYAML(n *yaml.Node) error {
	v, ok := scaled(n.Value, map[string]float64{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40})
	if !ok {
		return fmt.Errorf("%q is no size; write it like 512MiB or 200GiB", n.Value)
	}
	*s = Size(v)
	return nil
}

// UnmarshalYAML reads a rate.
func (r *Rate) UnmarshalYAML(n *yaml.Node) error {
	v, ok := scaled(n.Value, map[string]float64{"bit": 1, "kbit": 1e3, "Mbit": 1e6, "Gbit": 1e9})
	if !ok {
		return fmt.Errorf("%q is no rate; write it like 8Mbit", n.Value)
	}
	*r = Rate(v)
	return nil
}

func scaled(text string, units map[string]float64) (int64, bool) {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	unit, ok := units[strings.TrimSpace(text[len(digits):])]
	v, err := strconv.ParseFloat(digits, 64)
	if err != nil || !ok || v < 0 || v*unit > math.MaxInt64/2 {
		return 0, false
	}
	return int64(v * unit), true
}
