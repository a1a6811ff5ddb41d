// Package desk is the only place where an alert or an incident is born, and
// the only writer of the journal. Step decides, Apply folds, Handle does both
// under one lock and answers only after the journal has synced.
//
// It owns the room's state: incidents, alerts, clips, devices. The state is a
// fold over the journal and nothing else: every decision (which cameras are
// bound, which limit is in force, when a clip begins) is written into the
// event that carries it, so that a restart, a second browser and headquarters
// see the same, byte for byte. Resources are never changed once they have been
// handed out: a change is a new value, so what View and Since give may be kept.
//
// The desk's own time never goes back and never stands still (clock.go). When
// the wall clock is set back, recorded times run ahead of it, by what the
// monotonic clock counts, until it has caught up: were they to wait for it, an
// incident would escalate an hour late because somebody mended the clock by an
// hour. clock.stepped tells of the step; its recorded time, by how much.
//
// Where to start: setup.go (what it must know), inputs.go (what it is told),
// step*.go (what it decides), events.go (what it writes), apply*.go (what it
// remembers), desk.go (the lock, the tickets, the clock), view.go (what it
// shows). What belongs together: near.go (place and time), duty.go and nearest.go (who works, and whom to send), correlate.go (the same
// again), fold.go (a flood), step_merge.go (what the room makes one or two).
// shown.go waits for a screen, score.go counts points. handover.go and
// approval.go are what two people sign.
//
// It refuses bad input before any event is written, with an error that names
// what is possible (errors.go): a bad field, an unknown resource, a transition
// that the state does not have, a role that may not, a claim that somebody else
// won. A refusal of the journal (disk below its reserve) changes nothing and is
// returned. When a sync or a fold fails the desk stops for good: Run returns
// the error, every later call gives it too, and the process must end.
package desk
