package drone

import (
	"math"
	"time"
)

const (
	earthRadiusM  = 6371008.8 // mean (IUGG)
	gravity       = 9.80665   // m/s², standard
	swayM         = 1.5       // how far the altitude wanders, either way
	swayPeriod    = 40 * time.Second
	batteryFull   = 98.0 // percent at take-off
	batteryLanded = 15.0 // it would land; the simulation stays there
	batteryDrain  = 30 * time.Second
	cells         = 4
	cellFullMV    = 4200
	cellEmptyMV   = 3500
	hoverCurrentA = 12.5
)

// Position is a place on the WGS 84 ellipsoid, in degrees.
type Position struct {
	Lat float64 `json:"lat" yaml:"lat"`
	Lon float64 `json:"lon" yaml:"lon"`
}

// Pose is where a drone is at one moment and how it moves.
type Pose struct {
	Position
	AltitudeM  float64 `json:"altitude_m"`  // above take-off
	NorthMPS   float64 `json:"north_mps"`   // speed
	EastMPS    float64 `json:"east_mps"`    // speed
	DownMPS    float64 `json:"down_mps"`    // speed
	HeadingDeg float64 `json:"heading_deg"` // 0 north, 90 east
	RollRad    float64 `json:"roll_rad"`
	YawRateRad float64 `json:"yaw_rate_rad"` // a second
	BatteryPct float64 `json:"battery_pct"`
}

// at is the pose after t on patrol: a circle, clockwise, at constant speed,
// with the bank a coordinated turn needs and the battery going down.
func (c Config) at(t time.Duration) Pose {
	rate := c.SpeedMPS / c.RadiusM // rad/s
	angle := rate * t.Seconds()    // from north, clockwise
	north, east := c.RadiusM*math.Cos(angle), c.RadiusM*math.Sin(angle)
	heading := math.Mod(angle+math.Pi/2, 2*math.Pi)
	sway := 2 * math.Pi * t.Seconds() / swayPeriod.Seconds()
	return Pose{
		Position: Position{
			Lat: c.Center.Lat + north/earthRadiusM*180/math.Pi,
			Lon: c.Center.Lon + east/earthRadiusM*180/math.Pi/math.Cos(c.Center.Lat*math.Pi/180),
		},
		AltitudeM:  c.AltitudeM + swayM*math.Sin(sway),
		NorthMPS:   c.SpeedMPS * math.Cos(heading),
		EastMPS:    c.SpeedMPS * math.Sin(heading),
		DownMPS:    -swayM * math.Cos(sway) * 2 * math.Pi / swayPeriod.Seconds(),
		HeadingDeg: heading * 180 / math.Pi,
		RollRad:    math.Atan(c.SpeedMPS * rate / gravity),
		YawRateRad: rate,
		BatteryPct: max(batteryLanded, batteryFull-t.Seconds()/batteryDrain.Seconds()),
	}
}

// cellMV is the voltage of one cell at that charge.
func (p Pose) cellMV() uint16 {
	return uint16(cellEmptyMV + (cellFullMV-cellEmptyMV)*p.BatteryPct/100)
}
