package desk

import (
	"errors"
	"fmt"
	"strings"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Apply folds one record into the state and reads nothing else. Records come in
// the order of their places. A type it does not know, and data that was erased,
// only move the place. After an error the state must not be used.
func (s *State) Apply(rec bridge.Record) error {
	if rec.Place <= s.k.Place {
		return fmt.Errorf("apply record %d: the state is at %d", rec.Place, s.k.Place)
	}
	s.k.Place = rec.Place
	if rec.Event.RecordedTime.After(s.k.Now.Time) {
		s.k.Now = rec.Event.RecordedTime
	}
	if err := errors.Join(s.fold(&rec.Event), s.logged(&rec.Event)); err != nil {
		return fmt.Errorf("apply record %d: %w", rec.Place, err)
	}
	s.retire()
	s.ix.dropStaleDeadlines(&s.k)
	return nil
}

// fold folds what is about incidents and orders.
func (s *State) fold(e *bridge.Event) error {
	switch e.Type {
	case TypeAlertRaised:
		return with(e, s.alertRaised)
	case TypeAlertUpdated, TypeAlertEnded:
		return with(e, s.alertUpdated)
	case TypeAlertShown:
		return with(e, s.alertShown)
	case TypeIncidentOpened:
		return with(e, s.incidentOpened)
	case TypeIncidentClaimed, TypeIncidentAcknowledged, TypeIncidentClosed, TypeIncidentReopened,
		TypeIncidentEscalated, TypeIncidentNoted, TypeIncidentDispatched, TypeIncidentOnScene,
		TypeIncidentLinked, TypeIncidentMerged, TypeIncidentSplit:
		return with(e, s.incidentChanged)
	case TypeIncidentScored:
		return with(e, s.incidentScored)
	case TypeTaskIssued:
		return with(e, s.taskIssued)
	case TypeTaskAccepted, TypeTaskArrived, TypeTaskReported, TypeTaskConfirmed, TypeTaskReturned,
		TypeTaskHandedBack, TypeTaskCancelled, TypeTaskOverdue, TypeTaskSupervised,
		TypeTaskTicked, TypeTaskRepeated, TypeTaskWithdrawn, TypeTaskKept, TypeTaskTimed:
		return with(e, s.taskChanged)
	case TypeTaskDelivered, TypeTaskUndeliverable:
		return with(e, s.taskDelivered)
	case TypeClipReady, TypeClipUploaded, TypeClipEvicted:
		return with(e, s.clipChanged)
	}
	return s.foldRoom(e)
}

// foldRoom folds what is about no incident and no order: devices, people, the
// room's routine.
func (s *State) foldRoom(e *bridge.Event) error {
	switch e.Type {
	case TypeDeviceOnline, TypeDeviceOffline, TypeDeviceSilent, TypeDeviceDegraded, TypeDeviceTampered, TypeDeviceClock:
		return with(e, s.deviceChanged)
	case TypeBlindOpened, TypeBlindClosed:
		return with(e, s.blindChanged)
	case TypeHoldPlaced, TypeHoldReleased:
		return with(e, s.holdChanged)
	case TypeDutyChanged:
		return with(e, s.dutyChanged)
	case TypeLookOpened, TypeLooked:
		return with(e, s.accessed)
	case TypeShiftOffered:
		return with(e, s.shiftOffered)
	case TypeShiftOverdue:
		return with(e, s.shiftOverdue)
	case TypeShiftWithdrawn:
		return with(e, s.shiftWithdrawn)
	case TypeShiftHandedOver:
		return with(e, s.handedOver)
	case TypeRequested, TypeApproved, TypeWithdrawn, TypeExpired, TypeUnmasked:
		return with(e, s.approvalChanged)
	case TypeUplinkSetAside:
		return with(e, s.setAside)
	case TypeUplinkResent:
		return with(e, func(_ *bridge.Event, data *ResentFact) { s.resent(data.Uplink, data.ID) })
	case TypeUplinkSuspended, TypeUplinkResumed:
		return with(e, s.uplinkSuspended)
	case TypePatrolPlanned:
		return with(e, s.patrolPlanned)
	case TypePatrolRound:
		return with(e, s.patrolRound)
	case TypePatrolLooked:
		return with(e, s.patrolLooked)
	case TypeDrillPlanned:
		return with(e, s.drillPlanned)
	case TypeDrillBegun:
		return with(e, s.drillBegun)
	case TypeDrillMarked:
		return with(e, s.drillMarked)
	case TypeDrillRun:
		return with(e, s.drillRun)
	case TypeBoxStarted:
		return with(e, func(_ *bridge.Event, data *BoxStarted) { s.k.Config = data.Config })
	}
	return nil
}

// with decodes the event's data for its fold; erased data is not folded.
func with[T any](e *bridge.Event, fold func(*bridge.Event, *T)) error {
	data, err := decode[T](e)
	if err != nil {
		return err
	}
	if data != nil {
		fold(e, data)
	}
	return nil
}

// retire lets incidents go that were closed 7 days before the newest recorded
// time, with their alerts and clips: a function of events only.
func (s *State) retire() {
	before := s.k.Now.Add(-incidentKept)
	for len(s.ix.closed) > 0 && s.ix.closed[0].at.Before(before) {
		old := s.ix.closed[0]
		s.ix.closed = s.ix.closed[1:]
		inc := s.k.Incidents[old.incident]
		if inc == nil || inc.State != Closed || !inc.ClosedAt.Equal(old.at.Time) {
			continue // reopened since
		}
		s.leave(inc)
	}
	s.retireTasks(before)
}

func (s *State) leave(inc *Incident) {
	for _, id := range inc.Alerts {
		if a := s.k.Alerts[id]; a != nil {
			s.ix.dropAlert(a)
			s.k.Floor = max(s.k.Floor, a.Touched)
			delete(s.k.Alerts, id)
		}
	}
	for _, id := range inc.Clips {
		for _, part := range []string{"1", "whole"} {
			if c := s.k.Clips[clipKey(id, part)]; c != nil {
				s.k.Floor = max(s.k.Floor, c.Touched)
				delete(s.k.Clips, clipKey(id, part))
			}
		}
	}
	s.k.Floor = max(s.k.Floor, inc.Touched)
	delete(s.k.Incidents, inc.ID)
}

// line adds an event to an incident's history. A very long history loses its
// middle here; the journal has every line.
func (s *State) line(inc *Incident, e *bridge.Event, line Step) {
	line.At, line.Event, line.Place = e.RecordedTime, e.ID, s.k.Place
	line.Type = strings.TrimPrefix(e.Type, typePrefix)
	if len(inc.History) >= historyMax {
		short := append([]Step(nil), inc.History[:historyHead]...)
		inc.History = append(short, inc.History[historyHead+historyCut:]...)
		inc.HistoryFolded += historyCut
	}
	inc.History = append(inc.History, line)
}

// put… store a changed resource: a new value, never a change of one that was
// handed out. Slices may share their front with the old value, since they are
// only ever appended to or made anew.

func (s *State) putIncident(inc *Incident) {
	inc.Touched = s.k.Place
	s.k.Incidents[inc.ID] = inc
	s.ix.touch(&s.k, ref{s.k.Place, kindIncident, inc.ID})
}

func (s *State) putAlert(a *Alert, inc *Incident) {
	a.Touched = s.k.Place
	s.k.Alerts[a.ID] = a
	s.ix.addAlert(a, inc)
	s.ix.touch(&s.k, ref{s.k.Place, kindAlert, a.ID})
}

func (s *State) putClip(c *Clip) {
	c.Touched = s.k.Place
	s.k.Clips[clipKey(c.ID, c.Part)] = c
	s.ix.touch(&s.k, ref{s.k.Place, kindClip, clipKey(c.ID, c.Part)})
}

func (s *State) putDevice(d *Device) {
	d.Touched = s.k.Place
	s.k.Devices[d.ID] = d
	s.ix.touch(&s.k, ref{s.k.Place, kindDevice, d.ID})
}

// change gives a copy of the incident to work on; nil when it is not here.
func (s *State) change(id string) *Incident {
	old := s.k.Incidents[id]
	if old == nil {
		return nil
	}
	inc := *old
	return &inc
}
