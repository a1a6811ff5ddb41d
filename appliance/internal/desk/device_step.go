package desk

import (
	"math"

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
