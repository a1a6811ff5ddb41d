package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// walker: on the wall within 1 s of the picture that shows it, the clip
// playable, the event in headquarters' ledger.
func walker(t *testing.T, r *rig, b *browser) {
	r.control("POST", "/camera/yard/start", "", nil)
	cam := r.simState().Cameras["yard"]
	r.until("the yard's footage begins", func() bool {
		cam = r.simState().Cameras["yard"]
		return !cam.LoopStarted.IsZero()
	})
	require.Zero(t, cam.Loop, "the first loop shows the person first")
	var seen incident
	r.until("an incident of the yard's rule", func() bool {
		room := r.room()
		for _, a := range decodeAll[alert](t, room.Alerts) {
			if a.Rule != "on-the-road" {
				continue
			}
			for _, inc := range decodeAll[incident](t, room.Incidents) {
				if inc.ID == a.Incident {
					seen = inc
					return true
				}
			}
		}
		return false
	})
	painted := b.first(t, "the incident on the wall", func(s sight) bool { return s.Event == "incident" && s.ID == seen.ID })
	shown := cam.LoopStarted.Add(time.Duration(float64(zoneFrame) / cam.FPS * float64(time.Second)))
	late := painted.at().Sub(shown)
	t.Logf("on the wall %v after the picture that shows the person was sent (desk: %v)", late.Round(time.Millisecond), seen.OpenedAt.Sub(shown).Round(time.Millisecond))
	// Trackers may be sure a few pictures before the ground truth is.
	require.Greater(t, late, -time.Second, "nobody was there yet")
	r.promised("a person in a zone is on the wall", shown, late, time.Second)
	require.Equal(t, "P1", seen.Priority)

	inc, _ := r.incident(seen.ID)
	status, jpeg := r.apiBytes("GET", "/api/v1/snapshots/"+inc.Snapshot+".jpg", "")
	require.Equal(t, 200, status)
	require.True(t, strings.HasPrefix(string(jpeg), "\xff\xd8"), "the snapshot is a JPEG")
	part1 := r.clipPart(seen.ID, "yard", "1")
	r.checkClip(b, part1)

	r.until("the sighting in headquarters' ledger", func() bool {
		for _, line := range r.ledger() {
			if data, is := line.raised(t); is && data.Sighting != nil && data.Incident == seen.ID {
				return data.Sighting.Rule == "on-the-road"
			}
		}
		return false
	})
}

// clipPart waits for a part of an incident's clip.
func (r *rig) clipPart(incident, camera, part string) clipPart {
	r.t.Helper()
	var found clipPart
	r.until("part "+part+" of "+camera, func() bool {
		_, clips := r.incident(incident)
		for _, c := range clips {
			if c.Camera == camera && c.Part == part {
				found = c
				return true
			}
		}
		return false
	})
	return found
}

// checkClip plays a part in the browser and holds what it says of itself
// against ffprobe.
func (r *rig) checkClip(b *browser, c clipPart) {
	r.t.Helper()
	status, content := r.apiBytes("GET", c.Location, "")
	require.Equal(r.t, 200, status)
	file := filepath.Join(r.t.TempDir(), "clip.mp4")
	require.NoError(r.t, os.WriteFile(file, content, 0o600))
	seconds, frames := probe(r.t, file)
	require.InDelta(r.t, c.To.Sub(c.From).Seconds(), seconds, 0.041, "the file is as long as the clip says, to a picture")
	var played struct {
		Duration    float64 `json:"duration"`
		StartTime   float64 `json:"startTime"`
		CurrentTime float64 `json:"currentTime"`
		Frames      int     `json:"frames"`
		Error       string  `json:"error"`
	}
	b.do(r.t, &played, "play-clip", c.Location)
	require.Empty(r.t, played.Error)
	require.InDelta(r.t, seconds, played.Duration, 0.041, "Chromium presents what ffprobe sees")
	require.Greater(r.t, played.CurrentTime, 0.5, "it plays")
	r.t.Logf("clip %s part %s: %.2f s, %d pictures, wanted from %v before its beginning", c.Camera, c.Part, seconds, frames, c.From.Sub(c.WantedFrom).Round(time.Millisecond))
}

// liveTiles: pictures are decoded at the camera's rate; polled stills would
// fail this.
func liveTiles(_ *testing.T, r *rig, b *browser) {
	for _, camera := range []string{"yard", "gate"} {
		r.plays(b, camera)
	}
}

// wholeClip: the clip of the street's press is whole ≤ 0.5 s after its
// post-roll of 30 s, contains part 1, and has replaced it.
func wholeClip(t *testing.T, r *rig, b *browser) {
	whole := r.clipPart(r.street.ID, "gate", "whole")
	end := r.street.OccurredAt.Add(30 * time.Second)
	r.promised("a clip is whole after its post-roll", end, whole.ReadyAt.Sub(end), 500*time.Millisecond)
	require.WithinDuration(t, end, whole.To, 41*time.Millisecond)
	require.Equal(t, r.before.From, whole.From, "it contains part 1")
	require.Empty(t, whole.Gaps)
	r.checkClip(b, whole)
}

// cameraReturns: the tile says since when it is stale, and comes back by
// itself.
func cameraReturns(t *testing.T, r *rig, b *browser) {
	phase := func(what string, fits func(phase, veil string) bool) {
		began := time.Now()
		var last struct{ Phase, Veil string }
		r.until("the tile is "+what, func() bool {
			b.do(t, &last, "tile", "gate")
			return fits(last.Phase, last.Veil)
		})
		t.Logf("%s after %v: %q", what, time.Since(began).Round(10*time.Millisecond), last.Veil)
	}
	phase("live", func(phase, _ string) bool { return phase == "live" })
	r.control("POST", "/camera/gate/stop", "", nil)
	phase("stale, says since when", func(phase, veil string) bool { return phase != "live" && strings.Contains(veil, "自") })
	r.until("a blind interval of the gate", func() bool {
		_, body := r.apiBytes("GET", "/api/v1/blind", "")
		return strings.Contains(string(body), `"gate"`)
	})
	status, said := r.apiBytes("GET", "/api/v1/cameras/gate/snapshot.jpg", "")
	require.Equal(t, 409, status, "%s", said)
	r.control("POST", "/camera/gate/start", "", nil)
	began := time.Now()
	r.until("the box sees the camera again", func() bool {
		for _, c := range r.room().Cameras {
			if c.ID == "gate" {
				return c.Live.Live
			}
		}
		return false
	})
	r.promised("the box is live again after the camera answers", began, time.Since(began), 5*time.Second)
	phase("live again by itself", func(phase, _ string) bool { return phase == "live" })
}
