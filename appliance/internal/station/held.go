package station

import (
	"context"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
)

const holdsWithin = 5 * time.Second

// holding is what is under legal holds, and what reports name that the desk
// still works with. What an incident took in after the hold
// (another one that was merged into it) is held with it, as long as the desk
// knows the incident.
type holding struct {
	holds            []desk.Hold
	clips, snapshots map[string]bool
	named            map[string]bool // pictures of reports that the desk knows
}

// held protects what a growing clip needs and what is under a legal hold, as
// of now. When the desk cannot say what is held, nothing goes.
func (s *Station) held() func(media.Item) bool {
	ctx, cancel := context.WithTimeout(context.Background(), holdsWithin)
	defer cancel()
	var h holding
	if _, err := s.desk.View(ctx, func(state *desk.State) { h = holdingOf(state) }); err != nil {
		s.log.Error("nothing is evicted: it cannot be told what is under a legal hold", "err", err)
		return func(media.Item) bool { return true }
	}
	return func(it media.Item) bool { return h.has(it) || s.cutter.Needs(it) }
}

func holdingOf(state *desk.State) holding {
	h := holding{holds: state.Holds(), clips: map[string]bool{}, snapshots: map[string]bool{}, named: state.PicturesNamed()}
	for i := range h.holds {
		one := &h.holds[i]
		h.clips[one.Clip] = one.Clip != ""
		for _, hash := range one.Snapshots {
			h.snapshots[hash] = true
		}
		for _, c := range state.ClipsOf(one.Incident) {
			h.clips[c.ID] = true
		}
		for _, hash := range state.StillsOf(one.Incident) {
			h.snapshots[hash] = true
		}
	}
	return h
}

func (h *holding) has(it media.Item) bool {
	it.Owner, _ = unsealed(it.Owner) // an original is held with what is shown
	switch it.Class {
	case media.Snapshots:
		return h.snapshots[it.Owner]
	case media.Pictures:
		return h.snapshots[it.Owner] || h.named[it.Owner]
	case media.Clips:
		if h.clips[it.Owner] || h.ofIncident(it.Owner) {
			return true
		}
		it.Owner = cameraOfClip(it.Owner) // of a camera that is recorded with incidents only there is nothing else
	}
	return h.spanned(it)
}

func (h *holding) ofIncident(clip string) bool {
	for i := range h.holds {
		if in := h.holds[i].Incident; in != "" && strings.HasPrefix(clip, in+"-") {
			return true
		}
	}
	return false
}

func (h *holding) spanned(it media.Item) bool {
	for i := range h.holds {
		for _, span := range h.holds[i].Spans {
			if span.Device == it.Owner && it.From.Before(span.To.Time) && it.To.After(span.From.Time) {
				return true
			}
		}
	}
	return false
}

// cameraOfClip reads {incident}-{camera}-{number}; "" when it is none.
func cameraOfClip(id string) string {
	if len(id) <= ulid.EncodedSize {
		return ""
	}
	rest := strings.TrimPrefix(id[ulid.EncodedSize:], "-")
	if end := strings.LastIndexByte(rest, '-'); end > 0 {
		return rest[:end]
	}
	return ""
}
