package desk

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/watchpost-edge/watchpost/bridge"
)

// device records that a device's state changed; what did not change gives no
// event. A drone that falls silent raises one alert per silence, which ends
// when the drone is heard again.
func (t *step) device(in DeviceIn) error {
	name, err := t.deviceName(in)
	if err != nil {
		return err
	}
	if err := oneOf("state", in.State, "online", "offline", "silent", "degraded", "tampered", "clock"); err != nil {
		return err
	}
	if err := position(in.Position); err != nil {
		return err
	}
	in.Why = cut(in.Why)
	in.OffsetMS, in.UncertaintyMS = finite(in.OffsetMS), finite(in.UncertaintyMS)
	old := t.s.k.Devices[in.Device]
	if in.State == "clock" {
		if old != nil && math.Abs(old.OffsetMS-in.OffsetMS) < clockOffsetMinMS || old == nil && math.Abs(in.OffsetMS) < clockOffsetMinMS {
			return nil
		}
	} else if old != nil && old.State == in.State && (old.Why == in.Why || in.State != "degraded") {
		return nil // why a camera is gone changes with every attempt to reach it
	}
	since, _ := t.occurred(in.Since, t.now.Time)
	if in.State != "clock" && old != nil && old.State == in.State {
		since = old.Since // only the reason changed
	}
	if in.State != "clock" && in.OffsetMS == 0 && old != nil {
		in.OffsetMS = old.OffsetMS
	}
	t.add(bridge.Draft{Type: devicePrefix + in.State, Subject: "devices/" + in.Device, Time: since, Lane: bridge.Notice}, DeviceChanged{
		Schema: schema, Device: in.Device, Type: in.Type, Name: name, Since: since, Why: in.Why, Position: in.Position,
		OffsetMS: in.OffsetMS, UncertaintyMS: in.UncertaintyMS,
	})
	if in.Type == "drone" {
		t.drone(in, name, since)
	}
	return nil
}

func (t *step) deviceName(in DeviceIn) (string, error) {
	switch in.Type {
	case "camera":
		if c := t.r.cameras[in.Device]; c != nil {
			return c.Name, nil
		}
	case "pillar":
		if p := t.r.pillars[in.Device]; p != nil {
			return p.Name, nil
		}
	case "drone":
		if d := t.r.drones[in.Device]; d != nil {
			return d.Name, nil
		}
	case "uplink":
		for _, name := range t.r.setup.Uplinks {
			if name == in.Device {
				return name, nil
			}
		}
	default:
		return "", &InvalidError{"type", in.Type, "camera, pillar, drone or uplink"}
	}
	return "", &NotFoundError{in.Type, in.Device}
}

func (t *step) drone(in DeviceIn, name string, since bridge.Stamp) {
	silent := t.s.k.Alerts[t.s.ix.silent[in.Device]]
	if in.State == "online" && silent != nil {
		t.update(TypeAlertEnded, silent.Incident, silent.Priority, AlertUpdated{
			Alert: silent.ID, From: silent.From, To: t.now, Count: silent.Count,
		})
	}
	if in.State != "silent" || silent != nil {
		return
	}
	at := in.Position
	if old := t.s.k.Devices[in.Device]; at == nil && old != nil {
		at = old.Position
	}
	place := t.r.spot(name, at)
	var cameras []string
	if at != nil {
		cameras = t.r.Nearest(*at)
	}
	like := &Alert{Origin: "drone", Device: in.Device, Kind: "drone_silent"}
	join := t.s.joinable(like, t.now, 0)
	if join == nil {
		join = t.near(fact{like: like, at: at, from: since, to: t.now})
	}
	t.raise(raising{
		data: AlertRaised{
			Kind: "drone_silent", Priority: "P2", Place: place, Position: at, Device: in.Device,
			Drone: &DroneFact{Drone: in.Device, Kind: "silent", Position: at},
		},
		occurred: since, about: "drone_silent", bound: cameras, like: like,
	}, join)
}

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
