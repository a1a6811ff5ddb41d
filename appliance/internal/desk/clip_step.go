package desk

import (
	"fmt"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/watchpost-edge/watchpost/bridge"
)

// clipReady records a part whose bytes are on disk. A part is never changed:
// the same id with other bytes is refused.
func (t *step) clipReady(c Clip) error {
	inc := t.s.k.Incidents[c.Incident]
	if inc == nil {
		return &NotFoundError{"incident", c.Incident}
	}
	if err := oneOf("part", c.Part, "1", "whole"); err != nil {
		return err
	}
	if c.ID == "" || len(c.ID) > textBytesMax {
		return &InvalidError{"clip", c.ID[:min(len(c.ID), 32)], "{incident}-{camera}-{n}"}
	}
	t.answer.Incident = c.Incident
	if old := t.s.k.Clips[clipKey(c.ID, c.Part)]; old != nil {
		if old.SHA256 != c.SHA256 {
			return &InvalidError{"sha256", c.SHA256, "the one that part " + c.Part + " was recorded with: a part is never changed"}
		}
		t.answer.Duplicate = true
		return nil
	}
	if c.Location == "" {
		c.Location = "/api/v1/clips/" + c.ID + "/" + c.Part + ".mp4"
	}
	c.Gaps = foldGaps(c.Gaps)
	t.add(t.clipDraft(TypeClipReady, c), clipData(&c))
	return nil
}

// foldGaps keeps what a flapping camera leaves of a clip within an event.
func foldGaps(gaps []Interval) []Interval {
	if len(gaps) <= gapsMax {
		return gaps
	}
	rest := gaps[gapsMax-1:]
	return append(slices.Clone(gaps[:gapsMax-1]), Interval{
		From: rest[0].From, To: rest[len(rest)-1].To, Why: fmt.Sprintf("%d gaps", len(rest)),
	})
}

// clipMoved records that a part was uploaded or evicted. Of a part whose
// incident has left the state no more is known than its id says.
func (t *step) clipMoved(typ, id, part, location, why string) error {
	if err := oneOf("part", part, "1", "whole"); err != nil {
		return err
	}
	if err := texts("clip", id); err != nil {
		return err
	}
	if err := text("location", location, 2048); err != nil {
		return err
	}
	c := t.s.k.Clips[clipKey(id, part)]
	if c == nil {
		incident, camera, ok := splitClip(id)
		if !ok {
			return &NotFoundError{"clip", clipKey(id, part)}
		}
		c = &Clip{ID: id, Part: part, Incident: incident, Camera: camera}
	}
	t.answer.Incident = c.Incident
	done := c.Evicted != ""
	if typ == TypeClipUploaded {
		done = !c.UploadedAt.IsZero()
	}
	if done {
		t.answer.Duplicate = true
		return nil
	}
	data := clipData(c)
	if data.Why = cut(why); typ == TypeClipUploaded {
		data.Location = location
	}
	t.add(t.clipDraft(typ, *c), data)
	return nil
}

func (t *step) clipDraft(typ string, c Clip) bridge.Draft {
	d := bridge.Draft{Type: typ, Subject: "clips/" + c.ID, Lane: bridge.Clip}
	if inc := t.s.k.Incidents[c.Incident]; inc != nil {
		d.Drill = inc.Drill
	}
	return d
}

func clipData(c *Clip) ClipChanged {
	return ClipChanged{
		Schema: schema, Clip: c.ID, Part: c.Part, Incident: c.Incident, Camera: c.Camera, From: c.From, To: c.To,
		WantedFrom: c.WantedFrom, Gaps: list(c.Gaps), OffsetMS: finite(c.OffsetMS), UncertaintyMS: finite(c.UncertaintyMS),
		SHA256: c.SHA256, Original: c.Original, Bytes: c.Bytes, Masked: c.Masked, Supersedes: c.Supersedes, Location: c.Location,
	}
}

// splitClip reads {incident}-{camera}-{n}; the incident is a ULID.
func splitClip(id string) (incident, camera string, ok bool) {
	if len(id) < ulid.EncodedSize+3 || id[ulid.EncodedSize] != '-' {
		return "", "", false
	}
	if _, err := ulid.ParseStrict(id[:ulid.EncodedSize]); err != nil {
		return "", "", false
	}
	rest := id[ulid.EncodedSize+1:]
	end := strings.LastIndexByte(rest, '-')
	if end <= 0 {
		return "", "", false
	}
	return id[:ulid.EncodedSize], rest[:end], true
}
