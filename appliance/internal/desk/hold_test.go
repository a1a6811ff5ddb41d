package desk_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

func TestHolds(t *testing.T) {
	r := newRoom(t)
	lead := desk.Actor{Name: "wang", Role: "lead"}
	in := desk.HoldIn{Device: "gate", From: r.now.Add(-time.Hour), To: r.now, Reason: "case 17", By: lead, Idempotency: "k1"}
	for what, bad := range map[string]func(*desk.HoldIn){
		"no reason": func(h *desk.HoldIn) { h.Reason = "" }, "two things": func(h *desk.HoldIn) { h.Incident = "x" },
		"nobody's device": func(h *desk.HoldIn) { h.Device = "moon" }, "backwards": func(h *desk.HoldIn) { h.To = h.From },
		"too long": func(h *desk.HoldIn) { h.From = h.To.AddDate(0, -2, 0) }, "operator": func(h *desk.HoldIn) { h.By.Role = "operator" },
		"no such incident": func(h *desk.HoldIn) { h.Device, h.Incident = "", "x" }, "no such clip": func(h *desk.HoldIn) { h.Device, h.Clip = "", "x" },
	} {
		h := in
		bad(&h)
		_, _, err := r.try(h)
		require.Error(t, err, what)
	}
	records, answer := r.do(in)
	require.Equal(t, []string{"hold.placed"}, types(records))
	require.NotEmpty(t, answer.Hold)
	held := r.state.Holds()
	require.Len(t, held, 1)
	require.Equal(t, []desk.HoldSpan{{Device: "gate", From: bridge.At(in.From), To: bridge.At(in.To)}}, held[0].Spans)
	records, again := r.do(in)
	require.Empty(t, records)
	require.Equal(t, answer.Hold, again.Hold, "asked again, it is the same")

	_, _, err := r.try(desk.ReleaseIn{Hold: answer.Hold, Reason: "over", By: lead, Second: "wang"})
	require.Error(t, err, "it takes two")
	_, _, err = r.try(desk.ReleaseIn{Hold: "x", Reason: "over", By: lead, Second: "li"})
	require.Error(t, err)
	records, _ = r.do(desk.ReleaseIn{Hold: answer.Hold, Reason: "over", By: lead, Second: "li"})
	require.Equal(t, []string{"hold.released"}, types(records))
	require.Equal(t, "li", data[desk.HoldChanged](t, records[0]).Second)
	require.Empty(t, r.state.Holds())
}

func TestStorageWords(t *testing.T) {
	r := newRoom(t)
	owners := make([]desk.EvictedOwner, 1000)
	records, _ := r.do(desk.EvictedIn{Evicted: desk.StorageEvicted{Class: "recordings", Why: "budget", Files: 1000, Owners: owners}})
	evicted := data[desk.StorageEvicted](t, records[0])
	require.Len(t, evicted.Owners, 256)
	require.Equal(t, 744, evicted.More)
	records, _ = r.do(desk.ForecastIn{Forecast: desk.StorageForecast{Class: "recordings", KeepsHours: 20, WantedHours: 720}})
	require.Equal(t, "P2", records[0].Event.Severity)
}

// A hold of an incident takes the recordings around its clips, those that touch
// as one, and counts what it has no room for.
func TestHoldOfAnIncident(t *testing.T) {
	r := newRoom(t)
	_, told := r.do(report(operator("li")))
	clip := func(camera string, n int, from, to time.Duration, part string) {
		r.do(desk.ClipIn{Clip: desk.Clip{
			ID: fmt.Sprintf("%s-%s-%d", told.Incident, camera, n), Part: part, Incident: told.Incident, Camera: camera,
			From: bridge.At(r.now.Add(from)), To: bridge.At(r.now.Add(to)),
		}})
	}
	clip("shop", 1, 0, time.Minute, "1")
	clip("gate", 1, 0, time.Minute, "1")
	clip("gate", 1, 0, 2*time.Minute, "whole")
	clip("gate", 2, 2*time.Minute, 3*time.Minute, "whole")
	clip("gate", 3, time.Hour, 61*time.Minute, "whole")
	by := lead("chen")
	r.do(desk.HoldIn{Incident: told.Incident, Reason: "r", By: by})
	span := func(device string, from, to time.Duration) desk.HoldSpan {
		return desk.HoldSpan{Device: device, From: bridge.At(r.now.Add(from)), To: bridge.At(r.now.Add(to))}
	}
	held := r.state.Holds()[0]
	require.Equal(t, []desk.HoldSpan{span("gate", 0, 3*time.Minute), span("gate", time.Hour, 61*time.Minute), span("shop", 0, time.Minute)}, held.Spans)
	require.Zero(t, held.More)
	for n := range 300 {
		from := 2*time.Hour + time.Duration(n)*time.Minute
		clip("roof", n+1, from, from+time.Second, "whole")
	}
	r.do(desk.HoldIn{Incident: told.Incident, Reason: "r", By: by})
	held = r.state.Holds()[1]
	require.Equal(t, []int{256, 303 - 256}, []int{len(held.Spans), held.More})
}
