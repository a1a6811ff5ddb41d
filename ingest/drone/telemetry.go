package drone

import (
	"math"
	"strings"
	"time"

	"github.com/bluenviron/gomavlib/v3/pkg/dialect"
	"github.com/bluenviron/gomavlib/v3/pkg/dialects/common"
	"github.com/bluenviron/gomavlib/v3/pkg/message"

	"github.com/watchpost-edge/watchpost/ingest"
)

// messages are those that say something we keep (MAVLink common).
func messages() *dialect.Dialect {
	return &dialect.Dialect{Version: 3, Messages: []message.Message{
		&common.MessageHeartbeat{},
		&common.MessageSysStatus{},
		&common.MessageAttitude{},
		&common.MessageGlobalPositionInt{},
		&common.MessageBatteryStatus{},
		&common.MessageVideoStreamInformation{},
	}}
}

// Values that stand for "not known" (MAVLink common).
const (
	unknownU16     = math.MaxUint16
	unknownPercent = -1
	uriBytesMax    = 160

	heightMinM = -1_000 // below the lowest land, and below any take-off
	heightMaxM = 50_000
)

// positionFor is how long a position holds while the drone says other things
// only; autopilots tell it one to ten times a second.
const positionFor = 10 * time.Second

// state is the last known value of everything a drone said. Values that were
// handed out are never changed: each report makes new ones.
type state struct {
	t       ingest.Telemetry
	placeAt time.Time // when it last told where it is
}

// apply merges one message and reports whether it said anything we keep. A
// position or heading that the drone no longer knows is not known here either;
// for the battery two messages speak, and the one that knows counts.
func (s *state) apply(m message.Message, now time.Time) bool {
	switch m := m.(type) {
	case *common.MessageHeartbeat:
		if m.Autopilot == common.MAV_AUTOPILOT_INVALID {
			return false // a camera or another component, whose mode is not the drone's
		}
		s.t.Armed = ptr(m.BaseMode&common.MAV_MODE_FLAG_SAFETY_ARMED != 0)
		s.t.Mode = mode(m.BaseMode)
	case *common.MessageGlobalPositionInt:
		s.position(m)
		s.placeAt = now
	case *common.MessageAttitude:
		s.t.RollDeg, s.t.PitchDeg = degrees(m.Roll), degrees(m.Pitch)
	case *common.MessageSysStatus:
		if m.VoltageBattery != unknownU16 {
			s.t.VoltageMV = ptr(int(m.VoltageBattery))
		}
		s.percent(m.BatteryRemaining)
	case *common.MessageBatteryStatus:
		if m.Id != 0 {
			return false // not the main battery
		}
		s.percent(m.BatteryRemaining)
	case *common.MessageVideoStreamInformation:
		if !playable(m.Uri) {
			return false
		}
		s.t.VideoURI = m.Uri
	default:
		return false
	}
	if now.Sub(s.placeAt) > positionFor {
		s.t.Position, s.t.AltMSLm, s.t.HeightM = nil, nil, nil // where it was is not where it is
		s.t.SpeedMPS, s.t.ClimbMPS, s.t.HeadingDeg = nil, nil, nil
	}
	s.t.At = now
	return true
}

func (s *state) position(m *common.MessageGlobalPositionInt) {
	s.t.Position, s.t.AltMSLm = nil, nil
	lat, lon := float64(m.Lat)/1e7, float64(m.Lon)/1e7
	// Autopilots without a fix report 0, 0.
	if (m.Lat != 0 || m.Lon != 0) && math.Abs(lat) <= 90 && math.Abs(lon) <= 180 {
		s.t.Position = &ingest.Position{Lat: lat, Lon: lon}
		s.t.AltMSLm = metres(m.Alt)
	}
	s.t.HeightM = metres(m.RelativeAlt)
	s.t.SpeedMPS = ptr(math.Hypot(float64(m.Vx), float64(m.Vy)) / 100)
	s.t.ClimbMPS = ptr(-float64(m.Vz) / 100) // vz is down
	s.t.HeadingDeg = nil
	if m.Hdg < 36000 {
		s.t.HeadingDeg = ptr(float64(m.Hdg) / 100)
	}
}

// metres is a height from millimetres; nil where no drone can be: an autopilot
// without a barometer fills the field with whatever it has.
func metres(mm int32) *float64 {
	m := float64(mm) / 1000
	if m < heightMinM || m > heightMaxM {
		return nil
	}
	return &m
}

func (s *state) percent(p int8) {
	if p > unknownPercent && p <= 100 {
		s.t.BatteryPct = ptr(float64(p))
	}
}

// mode names what flies the drone, by the flags all autopilots share.
func mode(flags common.MAV_MODE_FLAG) string {
	for _, m := range []struct {
		flag common.MAV_MODE_FLAG
		name string
	}{
		{common.MAV_MODE_FLAG_AUTO_ENABLED, "auto"},
		{common.MAV_MODE_FLAG_GUIDED_ENABLED, "guided"},
		{common.MAV_MODE_FLAG_STABILIZE_ENABLED, "stabilize"},
		{common.MAV_MODE_FLAG_MANUAL_INPUT_ENABLED, "manual"},
	} {
		if flags&m.flag != 0 {
			return m.name
		}
	}
	return ""
}

func degrees(rad float32) *float64 {
	d := float64(rad) * 180 / math.Pi
	if math.IsNaN(d) || math.IsInf(d, 0) {
		return nil
	}
	return &d
}

func playable(uri string) bool {
	if len(uri) > uriBytesMax || strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return false
	}
	return strings.HasPrefix(uri, "rtsp://") || strings.HasPrefix(uri, "rtsps://")
}

func ptr[T any](v T) *T { return &v }
