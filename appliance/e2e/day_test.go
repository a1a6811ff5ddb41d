package e2e

import (
	"testing"
)

// zoneFrame is the picture of the yard's footage in which the first person
// stands in the zone (configs/demo.yaml).
const zoneFrame = 347

// TestDay plays one day in the room, one part after the other, on one station.
func TestDay(t *testing.T) {
	r := newRig(t)
	b := r.newBrowser()
	b.do(t, nil, "watch")
	for _, part := range []struct {
		name string
		play func(*testing.T, *rig, *browser)
	}{
		{"AWalkerEntersTheZone", walker},
		{"APressFromTheStreet", streetPress},
		{"LiveTilesAreLive", liveTiles}, // while the press's clip grows
		{"WrongDevicesHarmNobody", wrongDevices},
		{"TheRoomWorksOnIt", roomWork},
		{"ADroneIsOnTheMapAndFallsSilent", droneSilence},
		{"TheNearestFreeTeamIsKnown", phones},
		{"TheClipIsWholeInTime", wholeClip},
		{"ACameraGoesAndComesBack", cameraReturns},
		{"OrdersComeFromAbove", ordersFromAbove},
		{"TheLineIsCutAndThePowerTwice", outage},
		{"KilledItStandsAsItWas", killed},
	} {
		ok := t.Run(part.name, func(t *testing.T) {
			parent := r.t
			r.t = t
			defer func() { r.t = parent }()
			part.play(t, r, b)
		})
		if !ok {
			return // what follows stands on what came before
		}
	}
}
