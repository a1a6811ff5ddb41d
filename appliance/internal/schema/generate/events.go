package main

import (
	"strings"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// event is one type of event: its lane, what its data is, and which of the
// fields that its data may have this type always has.
type event struct {
	typ   string
	lane  bridge.Lane
	data  any
	says  string
	needs []string
}

// events are all that the box writes into its journal.
func events() []event {
	var all []event
	for _, part := range [][]event{alertEvents(), incidentEvents(), taskEvents(), deviceEvents(), storageEvents(), routineEvents(), peopleEvents(), accessEvents()} {
		all = append(all, part...)
	}
	return all
}

func alertEvents() []event {
	return []event{
		{desk.TypeAlertRaised, bridge.Alarm, desk.AlertRaised{}, "A fact that somebody must look at: a press, a sighting, a report, a drone's or a device's fact.", nil},
		{desk.TypeAlertUpdated, bridge.Alarm, desk.AlertUpdated{}, "An alert goes on: its interval, count, confidence or still changed, or a further press was counted in.", nil},
		{desk.TypeAlertEnded, bridge.Alarm, desk.AlertUpdated{}, "An alert is over: its sighting ended.", nil},
		{desk.TypeAlertShown, bridge.Local, desk.AlertShown{}, "A screen drew the alert.", nil},
	}
}

func incidentEvents() []event {
	changed := func(typ, says string, needs ...string) event {
		return event{typ, bridge.Alarm, desk.IncidentChanged{}, says, needs}
	}
	return []event{
		{desk.TypeIncidentOpened, bridge.Alarm, desk.IncidentOpened{}, "Alerts of one place and time become what the room works on.", nil},
		changed(desk.TypeIncidentClaimed, "An operator works on it now."),
		changed(desk.TypeIncidentAcknowledged, "Somebody has answered."),
		changed(desk.TypeIncidentDispatched, "Somebody is on the way."),
		changed(desk.TypeIncidentOnScene, "Somebody is there."),
		changed(desk.TypeIncidentClosed, "It is over.", "result"),
		changed(desk.TypeIncidentReopened, "It goes on after it was closed."),
		changed(desk.TypeIncidentEscalated, "A limit passed, or a P0 was not shown or not received in time: the lead is told."),
		changed(desk.TypeIncidentNoted, "Somebody wrote something down.", "note"),
		changed(desk.TypeIncidentLinked, "It has to do with another one.", "other"),
		changed(desk.TypeIncidentMerged, "It took in another one, with its alerts, clips and orders.", "other"),
		changed(desk.TypeIncidentSplit, "Some of its alerts became another one.", "other", "alerts"),
		{desk.TypeIncidentScored, bridge.Alarm, desk.IncidentScored{}, "Its steps against their limits, in points; again when a lead corrects them.", nil},
	}
}

func taskEvents() []event {
	changed := func(typ, says string, needs ...string) event {
		return event{typ, bridge.Alarm, desk.TaskChanged{}, says, needs}
	}
	return []event{
		{desk.TypeTaskIssued, bridge.Alarm, desk.TaskIssued{}, "An order to a person, a team or a partner.", nil},
		changed(desk.TypeTaskAccepted, "The receiver took it."),
		changed(desk.TypeTaskArrived, "The receiver is there."),
		changed(desk.TypeTaskReported, "The receiver says that it is done."),
		changed(desk.TypeTaskConfirmed, "The issuer is content: it is over."),
		changed(desk.TypeTaskReturned, "The issuer is not content: it is to be done again."),
		changed(desk.TypeTaskHandedBack, "The receiver cannot do it: it is over."),
		changed(desk.TypeTaskCancelled, "The issuer took it back: it is over."),
		changed(desk.TypeTaskOverdue, "Its limit passed."),
		changed(desk.TypeTaskSupervised, "Still nothing: a supervision order tells the lead.", "step"),
		changed(desk.TypeTaskTicked, "Some of its steps were done."),
		changed(desk.TypeTaskRepeated, "Headquarters ordered the same again: there is one task for both."),
		changed(desk.TypeTaskWithdrawn, "Headquarters took back one of several orders for the same: the task goes on for the others."),
		changed(desk.TypeTaskKept, "Its incident was closed and it goes on.", "owner"),
		changed(desk.TypeTaskTimed, "Its report waits since before there was a limit for judging it: now it has one.", "judge_by"),
		{desk.TypeTaskDelivered, bridge.Notice, desk.TaskDelivered{}, "A partner's line took a message about its order.", nil},
		{desk.TypeTaskUndeliverable, bridge.Notice, desk.TaskDelivered{}, "A partner's line will never take the message: somebody must call.", []string{"reason"}},
		{desk.TypeOrderAnswered, bridge.Alarm, desk.OrderAnswered{}, "The box's receipt for an order, an incident or a cancelling from above.", nil},
	}
}

func deviceEvents() []event {
	device := func(typ, says string) event {
		return event{typ, bridge.Notice, desk.DeviceChanged{}, says, nil}
	}
	return []event{
		device(desk.TypeDeviceOnline, "A camera, pillar or drone is heard."),
		device(desk.TypeDeviceOffline, "A device is gone."),
		device(desk.TypeDeviceSilent, "A device says nothing, and nothing says that it is gone."),
		device(desk.TypeDeviceDegraded, "A device works less well than it should."),
		device(desk.TypeDeviceTampered, "A device says that it was opened."),
		device(desk.TypeDeviceClock, "A device's clock differs from the box's, and by how much."),
		{desk.TypeBlindOpened, bridge.Notice, desk.BlindChanged{}, "From now on a camera is not seen, not recorded, not analysed, or what it shows is worth nothing.", nil},
		{desk.TypeBlindClosed, bridge.Notice, desk.BlindChanged{}, "That is over.", nil},
		{desk.TypeClipReady, bridge.Clip, desk.ClipChanged{}, "A part of a clip is whole and sealed.", nil},
		{desk.TypeClipUploaded, bridge.Clip, desk.ClipChanged{}, "Headquarters has the part.", nil},
		{desk.TypeClipEvicted, bridge.Clip, desk.ClipChanged{}, "The part's file was deleted.", []string{"why"}},
	}
}

func storageEvents() []event {
	return []event{
		{desk.TypeStorageEvicted, bridge.Notice, desk.StorageEvicted{}, "Files went because of their age, a budget or the disk.", nil},
		{desk.TypeStorageForecast, bridge.Notice, desk.StorageForecast{}, "When a class of files will be full, when that changed enough to matter.", nil},
		{desk.TypeUplinkSuspended, bridge.Notice, desk.UplinkSuspended{}, "An uplink is too far behind: retention does not wait for it any more.", nil},
		{desk.TypeUplinkResumed, bridge.Notice, desk.UplinkSuspended{}, "It has caught up.", nil},
		{desk.TypeUplinkSetAside, bridge.Local, desk.SetAsideFact{}, "Headquarters refused an event as it is: its lane goes on without it.", nil},
		{desk.TypeUplinkResent, bridge.Local, desk.ResentFact{}, "A refused event was sent again and taken.", nil},
		{desk.TypeReceiptAccepted, bridge.Local, desk.ReceiptFact{}, "A person above accepted an event.", nil},
		{desk.TypeReceiptRejected, bridge.Local, desk.ReceiptFact{}, "A person above rejected an event.", nil},
		{desk.TypeJournalRetired, bridge.Notice, desk.JournalRetired{}, "The oldest range of a lane went: the chain goes on behind it.", nil},
		{desk.TypeJournalErased, bridge.Notice, desk.JournalErased{}, "Two leads removed the data of one event, as the law asks.", nil},
		{desk.TypeHoldPlaced, bridge.Notice, desk.HoldChanged{}, "What it names is never evicted.", nil},
		{desk.TypeHoldReleased, bridge.Notice, desk.HoldChanged{}, "It may be evicted again.", []string{"second", "release_reason", "released_by"}},
	}
}

func routineEvents() []event {
	return []event{
		{desk.TypeBoxStarted, bridge.Notice, desk.BoxStarted{}, "The box started.", nil},
		{desk.TypeClockStepped, bridge.Notice, desk.ClockStepped{}, "The box's wall clock was set by more than 500 ms.", nil},
		{desk.TypeConfigChanged, bridge.Notice, desk.ConfigChanged{}, "The configuration changed: what, without secrets.", nil},
		{desk.TypePatrolPlanned, bridge.Notice, desk.PatrolPlanned{}, "A plan of video patrol is in force, or no more.", nil},
		{desk.TypePatrolRound, bridge.Notice, desk.PatrolRound{}, "A round began, was done, given up or missed.", nil},
		{desk.TypePatrolLooked, bridge.Local, desk.PatrolLooked{}, "One camera of a round was signed.", nil},
		{desk.TypeDrillPlanned, bridge.Notice, desk.DrillPlanned{}, "When a target's next drill begins by itself.", nil},
		{desk.TypeDrillBegun, bridge.Alarm, desk.DrillBegun{}, "An exercise alarm of a pillar, a rule or an uplink begins.", nil},
		{desk.TypeDrillMarked, bridge.Local, desk.DrillMarked{}, "A drill came so far.", nil},
		{desk.TypeDrillRun, bridge.Notice, desk.DrillResult{}, "A drill's result.", nil},
		{desk.TypeReviewDay, bridge.Notice, desk.ReviewDay{}, "What a day adds up to.", nil},
		{desk.TypeReviewPeople, bridge.Local, desk.ReviewPeople{}, "What a day adds up to by person.", nil},
	}
}

func peopleEvents() []event {
	return []event{
		{desk.TypeDutyChanged, bridge.Local, desk.DutyChanged{}, "Somebody said who is on duty or off, beside the shifts.", nil},
		{desk.TypeShiftOffered, bridge.Notice, desk.ShiftOffered{}, "Who leaves signed the room over as it stands.", nil},
		{desk.TypeShiftHandedOver, bridge.Notice, desk.ShiftHandedOver{}, "Who comes signed the same page.", nil},
		{desk.TypeShiftOverdue, bridge.Notice, desk.ShiftOverdue{}, "Nobody took the room in time.", nil},
		{desk.TypeShiftWithdrawn, bridge.Notice, desk.ShiftWithdrawn{}, "Who left stays, or a lead says that it does not count.", nil},
	}
}

// accessEvents are what people did that is kept for who asks later.
func accessEvents() []event {
	says := map[string]string{
		"login": "Somebody logged in.", "refused": "Somebody was refused.", "look_opened": "Somebody began to look at a camera.",
		"looked": "Somebody looked at a camera, from when to when.", "exported": "Something left the box by somebody's hand.", "imported": "Somebody brought a table to the box.",
		"unmasked": "Two leads let an unmasked original leave.", "token": "A token was made or ended.", "user": "A user was made or changed.",
		"requested": "A lead asked for what needs two.", "approved": "Another lead agreed.", "withdrawn": "A request was refused or taken back.",
		"expired": "A request or a grant was not used in time.",
	}
	var all []event
	for _, typ := range desk.AccessTypes() {
		all = append(all, event{typ, bridge.Local, desk.AccessFact{}, says[typ[strings.LastIndexByte(typ, '.')+1:]], nil})
	}
	return all
}
