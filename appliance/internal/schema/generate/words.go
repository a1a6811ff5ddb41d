package main

// words is what a field's name means wherever it stands; "Struct.name" goes
// before "name" where it means something else. What the Go source says of a
// field comes behind it.
func words() map[string]string {
	all := map[string]string{}
	for _, part := range []map[string]string{envelopeWords(), idWords(), factWords(), stateWords(), countWords(), otherSenses()} {
		for name, says := range part {
			all[name] = says
		}
	}
	return all
}

// envelopeWords are those of CloudEvents and of its extensions here, and of
// what is no event.
func envelopeWords() map[string]string {
	return map[string]string{
		"specversion": "version of CloudEvents", "datacontenttype": "media type of data", "time": "when it occurred", "data": "what the type says; absent when withheld or erased",
		"prevhash": "hash of the event before it in its lane", "datahash": "sha256: and hex of the SHA-256 of salt and data (RFC 8785)", "Event.source": "the box: /stations/{station}/boxes/{box}",
		"Message.source": "the box: /stations/{station}/boxes/{box}", "Event.type": "type of the event", "Message.type": "type of the message", "Event.id": "the same source and id is the same event",
		"say": "what the pillar says aloud", "issued_at": "when it was issued", "online": "whether it is there", "through": "last sequence that is meant", "request": "headquarters' name for the request",
	}
}

// idWords name things and people.
func idWords() map[string]string {
	return map[string]string{
		"schema": "version of the data", "id": "what names it", "alert": "id of the alert (ULID)", "incident": "id of the incident (ULID)", "task": "id of the order (ULID)",
		"alerts": "ids of alerts", "incidents": "ids of incidents", "tasks": "ids of orders", "clip": "id of the clip: {incident}-{camera}-{n}", "clips": "recordings that belong to it",
		"device": "id of the camera, pillar or drone", "camera": "id of the camera", "cameras": "ids of cameras", "pillar": "id of the pillar", "drone": "id of the drone", "uplink": "name of the uplink",
		"uplinks": "uplinks", "handover": "id of the handover (ULID)", "shift": "name of the shift", "plan": "id of the plan of video patrol", "round": "id of the round (ULID)",
		"drill": "whether it is an exercise", "run": "id of the drill's run (ULID)", "target": "what is drilled: pillar:{id}, rule:{camera}/{rule} or uplink:{name}", "sighting": "id of the sighting",
		"epoch": "id of the journal's epoch (ULID)", "lane": "lane of the journal", "sequence": "number within the lane", "hash": "hash of the last event of the range: sha256: and hex",
		"sha256": "SHA-256 of the bytes, hex", "original_sha256": "SHA-256 of the recording as the camera sent it, hex", "snapshot": "SHA-256 of the still, hex; empty: none",
		"hq_id": "headquarters' own id; empty: none", "config": "hash of the configuration in force", "boot": "id of this run of the machine", "version": "version of the program",
		"by": "who did it: a user, box, or the name of a partner or uplink", "role": "that person's role", "name": "its name for people", "to": "end",
		"person": "id of the person", "team": "id of the team", "owner": "who or what it belongs to", "claimed_by": "user who works on it", "released_by": "user who released it",
		"second": "the other lead who agreed", "acknowledged_by": "user who answered", "remote": "address that the request came from", "screen": "name of the screen",
		"shown_on": "name of the screen that drew it first", "station": "id of the station", "box": "id of the box", "number": "its number for people, from 1 in an epoch",
		"other": "id of the other incident", "supersedes": "the part that this one contains and replaces; empty: none", "part": "1: up to the alert; whole: all of it",
		"previous": "id of the handover before", "template": "id of the template; empty: none", "about": "what it is about: incidents/{id} or tasks/{id}", "subject": "what it is about",
		"supervision": "id of the supervision order (ULID)", "page": "the page that was signed", "outgoing": "who leaves", "incoming": "who comes",
	}
}

// factWords are what happened, where and when.
func factWords() map[string]string {
	return map[string]string{
		"at": "when (RFC 3339, UTC)", "from": "beginning", "since": "since when", "until": "until when", "limit": "deadline; empty: none", "due": "when it is due; empty: never", "next": "when the next step comes",
		"opened_at": "when it was opened", "occurred_at": "when it happened", "done_at": "when it was done; empty: not yet", "wanted_from": "beginning that was wanted",
		"oldest": "when the oldest one that waits was written; empty: none waits", "next_limit": "deadline of the next state", "gaps": "stretches that are missing",
		"place": "where, in words", "position": "where (WGS 84)", "lat": "latitude (degrees, north is positive)", "lon": "longitude (degrees, east is positive)", "beat": "the part of the area that answers for it",
		"address_code": "standard address code of the place", "kind": "what kind it is", "type": "type of the thing", "class": "class of the object or of the work", "priority": "P0 a life, now; P1 a crime, now; P2 look soon; P3 for the record",
		"severity": "P0 a life, now; P1 a crime, now; P2 look soon; P3 for the record", "rule": "name of the camera's rule", "zone": "name of the zone; empty: none", "line": "name of the line; empty: none",
		"direction": "direction across the line; empty: none", "track": "number of the track on its camera", "confidence": "0 to 1", "press": "a pillar's press", "report": "what was told", "drone_fact": "a drone's fact",
		"device_fact": "a device's fact", "seq": "the pillar's own counter", "replayed": "whether the pillar sent it before", "note": "what somebody wrote", "reason": "why", "why": "why; empty: nothing to say",
		"source": "who told it: call_110, walk_in, patrol, hq", "title": "title of the template", "location": "where the uploaded file is; empty: not uploaded", "bytes": "size (bytes)", "masked": "whether privacy masks are burnt in",
		"offset_ms": "the device's clock minus the box's (ms)", "uncertainty_ms": "how sure that is (ms, either way)", "value": "measured value, in the unit of the kind; null: none", "along": "what goes along with it",
		"becomes": "what becomes of it", "order": "what a partner is told", "cause": "what brought it about; empty: unknown", "set_aside": "events that headquarters refused", "duty": "who is on duty, by unit", "news": "what is told: issued, returned, cancelled, confirmed",
		"class_name": "its name for people", "kind_name": "its name for people", "route_kind": "kind of work within the class", "signature": "signature, base64", "picture": "a still that goes along",
		"release_reason": "why it was released", "act": "what is asked for: export, unmask, release or erase", "message": "id of the event that the message tells of", "digest": "SHA-256 of the bytes, sha256: and hex",
		"similar": "ids of earlier incidents there or like it, newest first", "date": "day of the station", "mark": "how far it came", "drills": "drills", "patrols": "plans of video patrol", "configured": "how many of each there are in the configuration",
	}
}

// stateWords are how things stand.
func stateWords() map[string]string {
	return map[string]string{
		"state": "state from now on", "result": "how it ended", "step": "which step, from 1", "steps": "its steps", "late": "whether it came after its limit", "overdue": "past its limit", "overdue_max": "limit in force on orders overdue",
		"within_ms": "within how long (ms)", "connected": "whether the line stands", "on": "on duty or off", "seen": "whether the camera could be seen and was", "removed": "ids that are gone", "added": "ids that are new",
		"changed": "ids that changed", "missing": "what did not come or was not done", "received": "when each uplink's receipt came, by name",
		"done": "what counts as done", "wanted": "how many pictures are wanted", "points": "points of the steps together", "took_ms": "how long it took (ms)",
		"limit_ms": "how long it might take (ms)", "show_ms": "limit for a screen to draw it (ms)", "answer_ms": "limit for an answer (ms)", "dwell_ms": "how long each camera is looked at (ms)", "every_ms": "how often (ms)",
		"bytes_per_day": "growth (bytes a day)", "keeps_hours": "how long things are kept at this growth (hours)", "begun": "when it began", "findings": "how many alerts came of it", "revision": "which count of this day, from 1",
	}
}

// countWords are numbers of things.
func countWords() map[string]string {
	return map[string]string{
		"count": "how many", "counts": "numbers of the page", "n": "how many", "files": "how many files", "rounds": "patrol rounds", "buckets": "how many took how long: [upper bound in s, number]",
		"unclaimed": "open incidents that nobody works on", "closed": "incidents closed since the last handover", "on_duty": "units on duty", "false_alarms": "closed as false_alarm", "resolved": "closed as resolved",
		"transferred": "closed as transferred", "reopened": "opened again", "escalated": "escalated at least once", "limited": "steps that had a limit", "in_time": "of these, in time", "answered": "with an answer",
		"arrived": "with an arrival", "issued": "issued", "confirmed": "confirmed", "handed_back": "handed back", "cancelled": "cancelled", "orders": "orders", "orders_done": "of these, confirmed", "orders_overdue": "of these, overdue at some time",
		"lag_notice": "events of lane notice not confirmed", "lag_clip": "events of lane clip not confirmed", "totals": "of the whole day", "waits": "how long states lasted", "sources": "what raised alerts", "cells": "where incidents were",
		"people": "by person", "key": "what these are counted by", "x": "column of the cell, eastward", "y": "row of the cell, northward",
	}
}

// otherSenses are names that mean something else in one place.
func otherSenses() map[string]string {
	receiver := "who is to do it: a person, team, partner or post"
	scheduled := "id of the scheduled drill; empty: begun by hand"
	return map[string]string{
		"from/integer": "first sequence", "to/integer": "last sequence", "incidents/integer": "how many incidents", "alerts/integer": "how many alerts", "tasks/integer": "how many orders",
		"orders/integer": "how many orders", "steps/integer": "how many steps", "late/integer": "how many came after their limit", "missing/integer": "how many did not come", "overdue/integer": "how many were past their limit",
		"uplinks/integer": "how many uplinks", "drills/integer": "how many drills", "incident/integer": "number of the incident", "late/array": "what came after its limit", "removed/boolean": "whether it is in force no more",
		"steps/array": "steps", "set_aside/integer": "how many events headquarters refused", "more/object": "how many are left out", "more/integer": "how many are left out",

		"TaskIssued.to": receiver, "TaskChanged.to": receiver, "TaskDelivered.to": "id of the partner", "HandoverTask.to": receiver,
		"AlertRaised.late": "whether it was recorded long after the fact", "AlertRaised.drone": "a drone's fact", "AlertRaised.sighting": "a camera's rule was met", "DroneFact.limit": "limit that was passed, in the same unit; null: none",
		"AlertUpdated.sighting": "id of the sighting", "IncidentChanged.from": "user", "PatrolRound.from": "user", "OrderAnswered.order": "what was answered", "OrderFact.line": "the partner's line",
		"DrillPlanned.drill": scheduled, "DrillBegun.drill": scheduled, "DrillResult.drill": scheduled, "DrillPlanned.next": "when it begins by itself; empty: never", "DrillBegun.next": "when the next one begins by itself; empty: never",
		"DrillResult.stored": "when it was on the disk; empty: did not come", "DrillResult.shown": "when a screen drew it; empty: did not come", "DrillResult.acknowledged": "when somebody answered; empty: did not come",
		"DayCounts.by": "counts by what they are counted by", "DayCounts.sources": "what raised alerts", "Waiting.state": "which state", "ScoredStep.state": "which state", "HandoverDevice.state": "online, offline, silent, degraded, tampered",
		"PatrolRound.next_limit": "deadline of the next round", "PatrolRound.rounds": "how many rounds", "HandoverRound.rounds": "how many rounds", "StorageEvicted.class": "class of files", "StorageForecast.class": "class of files",
		"StorageForecast.budget": "room for them (bytes)", "StorageForecast.wanted_hours": "how long things are to be kept (hours)", "StorageForecast.full_at": "when it will be full", "Looked.looked_ms": "time spent on it (ms)",
		"HandoverBlind.ms": "how long together (ms)", "TaskChanged.who": "whose it is to act", "Approval.at": "when it was asked for", "Approval.expires_at": "when it ends by itself", "configured.drills": "how many drills",
	}
}
