// Package desk is the only place where an alert or an incident is born, and
// the only writer of the journal. Step decides, Apply folds, Handle does both
// under one lock and answers only after the journal has synced.
//
// It owns the room's state: incidents, alerts, clips, devices, orders, who is
// on duty, rounds, drills, handovers and what waits for a second lead. The
// state is a fold over the journal and nothing else: every decision (which
// cameras are bound, which limit is in force, when a clip begins) is written
// into the event that carries it, so that a restart, a second browser and
// headquarters see the same, byte for byte. Resources are never changed once
// they have been handed out: a change is a new value, so what View and Since
// give may be kept. What is over leaves the state after 7 days.
//
// The desk's own time never goes back and never stands still (clock.go). When
// the wall clock is set back, recorded times run ahead of it, by what the
// monotonic clock counts, until it has caught up: were they to wait for it, an
// incident would escalate an hour late because somebody mended the clock by an
// hour. clock.stepped tells of the step; its recorded time, by how much.
//
// The frame, in the order to read it: setup.go (what it must know), inputs.go
// (what it is told; each input says what it means and knows its keys), step.go
// (one step), tick.go and start.go (what nobody asks for), events.go (what it
// writes), state.go, apply.go and index.go (what it remembers), desk.go and
// run.go (the lock, the tickets, the clock, checkpoints), view.go (what it
// shows). Everything else is called by its subject first:
//
//	alert_…     where they come from, what they join, floods, screens
//	incident_…  the table of their life, merging, closing, score
//	task_…      orders: kinds, table, templates, from above, supervision
//	partner…    work orders to others and their replies
//	forces, duty, units, nearest, nearby: who works, and whom to send
//	patrol…, drill… and schedule: what comes by the clock
//	handover…, approval: what two people sign
//	device, blind, clip, hold, storage, looks, uplink, journal, review: facts
//
// In a subject {x}.go has its types, {x}_step.go decides, {x}_apply.go folds.
//
// A start and a tick do one thing after the other and stop when the step is
// full (step.full): what is left is due still, and the next step goes on.
//
// It refuses bad input before any event is written, with an error that names
// what is possible (errors.go): a bad field, an unknown resource, a transition
// that the state does not have, a role that may not, a claim that somebody else
// won. A refusal of the journal (disk below its reserve) changes nothing and is
// returned. When a sync or a fold fails the desk stops for good: Run returns
// the error, every later call gives it too, and the process must end.
package desk
