package desk

import (
	"slices"

	"github.com/watchpost-edge/watchpost/bridge"
)

// A key is for one thing. Who sends something else under it, a report that he
// corrected meanwhile or another note, is told so: were it answered as the first
// it would be lost without a word. What is compared is what a person wrote; data
// that was erased by law, and what has left the state, passes.

// repeated reports whether the action is the one that the record tells of.
func (in ActionIn) repeated(hit *bridge.Record) bool {
	if in.Verb == verbScore {
		data, err := decode[IncidentScored](&hit.Event)
		return err == nil && (data == nil || data.Reason == in.Reason && in.Points != nil && data.Points == *in.Points)
	}
	data, err := decode[IncidentChanged](&hit.Event)
	if err != nil || data == nil {
		return err == nil
	}
	switch {
	case data.Note != in.Note || data.Reason != in.Reason:
		return false
	case in.Verb == verbClose:
		return data.Result == in.Result
	case in.Verb == verbLink || in.Verb == verbMerge:
		return data.Other == in.Other
	}
	return true
}

// repeated is the same for an order.
func (in TaskActionIn) repeated(hit *bridge.Record) bool {
	data, err := decode[TaskChanged](&hit.Event)
	if err != nil || data == nil {
		return err == nil
	}
	return data.Reason == in.Reason && data.Report == in.Report && slices.Equal(data.Pictures, in.Pictures)
}

// repeatedReport is the same for a report, by its alert.
func (t *step) repeatedReport(a *Alert, in ReportIn) bool {
	if a == nil {
		return true
	}
	place, _ := t.r.where(in.Place, in.Position)
	return a.Origin == "report" && a.Kind == in.Source && a.Reported == in.Kind && a.Note == in.Note && a.Place == place
}
