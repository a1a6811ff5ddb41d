package station

import (
	"context"
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// wantClips asks the cutter for the recordings that a record wants. The cutter
// knows an alert that it was asked for before.
func (s *Station) wantClips(ctx context.Context, record bridge.Record) error {
	for _, w := range desk.ClipWants(record) {
		alert := w.Alert
		if record.Event.Type != desk.TypeAlertRaised {
			alert = record.Event.ID // a repeat of the alert wants more of the clip
		}
		want := clip.Want{
			Incident: w.Incident, Camera: w.Camera, Alert: alert, At: w.At.Time,
			PreRoll: w.At.Sub(w.From.Time), PostRoll: w.To.Sub(w.At.Time), Upload: s.uploads(w.Priority),
		}
		if err := s.wantSealed(ctx, want); err != nil {
			return err
		}
		if _, err := s.cutter.Want(ctx, want); err != nil {
			return err
		}
	}
	return nil
}

// uploads reports whether the clips of such an incident go up.
func (s *Station) uploads(priority string) bool {
	if s.cfg.Upload.URL == "" {
		return false
	}
	when := s.cfg.Upload.When
	return len(when) == 0 || slices.Contains(when, priority)
}

// clipReady tells the desk of a part on disk.
func (s *Station) clipReady(ctx context.Context, r clip.Ready) error {
	if _, is := unsealed(r.Camera); is {
		return nil // it belongs to the clip that is shown, which names it
	}
	sum, err := s.sealedSum(r)
	if err != nil {
		return err
	}
	c := desk.Clip{
		Masked: s.isMasked(r.Camera), Original: sum,
		ID: r.ID, Part: r.Part, Incident: r.Incident, Camera: r.Camera,
		From: bridge.At(r.From), To: bridge.At(r.To), WantedFrom: bridge.At(r.WantedFrom), Gaps: []desk.Interval{},
		OffsetMS: r.OffsetMS, UncertaintyMS: r.UncertaintyMS, SHA256: r.SHA256, Bytes: r.Bytes,
		Location: "/api/v1/clips/" + r.ID + "/" + r.Part + ".mp4",
	}
	for _, g := range r.Gaps {
		c.Gaps = append(c.Gaps, desk.Interval{From: bridge.At(g.From), To: bridge.At(g.To), Why: g.Why})
	}
	if r.Part == clip.PartWhole {
		c.Supersedes = clip.Part1
	}
	_, err = s.desk.Handle(ctx, desk.ClipIn{Clip: c})
	if hopeless(err) {
		s.counts.givenUp.Add(1)
		s.log.Error("clip not taken by the desk", "clip", r.ID, "part", r.Part, "err", err)
		return nil // it never will be: the file stays, and the log says so
	}
	return err
}

// clipEmpty is told when there is nothing to show of a wanted stretch; the
// camera's blind interval says why to the room.
func (s *Station) clipEmpty(_ context.Context, e clip.Empty) error {
	if _, is := unsealed(e.Camera); is {
		return nil
	}
	s.counts.clipsEmpty.Add(1)
	s.log.Warn("no clip", "clip", e.ID, "part", e.Part, "why", e.Why)
	return nil
}

// clockOf is how far a camera's clock is ahead of the box's.
func (s *Station) clockOf(camera string) (offset, uncertainty time.Duration) {
	c := s.cameras[camera]
	if c == nil {
		return 0, 0
	}
	clock := c.source.Stats().Clock
	return -clock.Offset, clock.Uncertainty
}

// recordingTrouble notes why a camera is not recorded; nil when it is again.
func (s *Station) recordingTrouble(camera string, err error) {
	if c := s.cameras[camera]; c != nil {
		c.mu.Lock()
		c.recorder = err
		c.mu.Unlock()
	}
}
