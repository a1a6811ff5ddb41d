package desk

import (
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision"
)

// Input is something the desk is told. Every input is one call of Handle; its
// events are appended all together or not at all.
type Input interface {
	// decide says what it means, as events of the step; hit is the record that
	// was found under one of its keys.
	decide(t *step, hit *bridge.Record) error
}

// Actor is who did something: a user of the room, or a part of the box.
type Actor struct {
	Name string // user name; "box" for the box itself
	Role string // wall, operator, lead, admin, officer, uplink, kiosk
}

// PressIn is a press of a pillar. Its key is press/{pillar}/{id}/{at}/{seq}:
// a duplicate gives Result.Duplicate and the incident of the first.
type PressIn struct{ Press ingest.Press }

// SightingIn is a sighting; Snapshot is the SHA-256 (hex) of its stored still.
// All phases of one sighting share its id.
type SightingIn struct {
	Sighting vision.Sighting // Snapshot bytes are ignored here
	Snapshot string
}

// ReportIn is what a person told us: it opens an incident.
type ReportIn struct {
	Source      string // call_110, walk_in, patrol, hq
	Kind        string // free: theft, fight, accident, …
	Priority    string // "" = P2; hq may set it
	Place       string // id of a configured place, or free text
	Position    *ingest.Position
	Note        string
	At          time.Time // occurred; zero = now
	By          Actor
	HQID        string // with source hq: headquarters' id
	Uplink      string // with source hq
	Reopens     string // id of an incident that was closed more than 7 days ago: the new one goes on from it
	Separate    bool   // an incident of its own, linked with the one that it would have joined
	Idempotency string
}

// ActionIn is an operator's action on an incident: one of IncidentVerbs.
type ActionIn struct {
	Incident string
	Verb     string
	By       Actor
	Reason   string
	Result   string   // with close: resolved, false_alarm, transferred, drill
	Note     string   // with note, ≤ 4 KiB
	Other    string   // with link, merge, split: the second incident; with merge it becomes part of the first
	Alerts   []string // with split: what moves to a new incident
	Points   *int     // with score
	// Tasks is with close what becomes of the incident's open orders: cancel,
	// keep; "" cancels what nobody has accepted and keeps the rest.
	Tasks string
	// To, Template (default: the configuration's for visits) and Limit are with
	// follow_up, and so is Note.
	To, Template string
	Limit        time.Time
	Idempotency  string

	handover string // a claim that is passed on with this handover: it answers nothing
}

// ShownIn says that a screen drew an alert.
type ShownIn struct {
	Alert  string
	Screen string
	At     time.Time
}

// DeviceIn says that a device's state changed. The desk drops it when nothing
// changed. A drone that falls silent also raises an alert (P2).
type DeviceIn struct {
	Device string
	Type   string // camera, pillar, drone, uplink
	State  string // online, offline, silent, degraded, tampered; clock: only the offset is told
	Since  time.Time
	Why    string
	// Position is where the device was last, if it moves.
	Position *ingest.Position
	// OffsetMS is how far the device's clock is ahead, ± UncertaintyMS.
	OffsetMS, UncertaintyMS float64
}

// ClipIn says that a part of a clip is ready on disk.
type ClipIn struct{ Clip Clip }

// ClipUploadedIn says that headquarters has the bytes of a part, checked.
type ClipUploadedIn struct {
	Clip, Part string
	Location   string
}

// ClipEvictedIn says that a part's bytes are gone, and why.
type ClipEvictedIn struct {
	Clip, Part, Why string
}

// AccessIn records who looked, logged in, was refused: lane local.
type AccessIn struct {
	Kind   string // one of accessKinds
	By     Actor
	Camera string
	From   time.Time
	To     time.Time
	Remote string // address of the client
	Why    string
	Note   string
	// Idempotency is the key of the call that asked for it, and Asked what that
	// was: a digest, of no secret.
	Idempotency, Asked string
}

// ReceiptIn is headquarters' word on one event by a person there.
type ReceiptIn struct {
	Uplink   string
	Epoch    string
	Lane     bridge.Lane
	ID       string
	Accepted bool
	By       string
	At       time.Time
	Reason   string
}

// SetAsideIn says that an uplink's headquarters refused an event for good.
// Epoch, Lane and Sequence say where the event lies, Type and Subject what it
// was, for whoever decides whether it is sent again.
type SetAsideIn struct {
	Uplink, ID, Reason string
	Epoch              string
	Lane               bridge.Lane
	Sequence           string
	Type, Subject      string
}

// ResentIn says that an event that was set aside was sent again and taken: a
// lead decided it.
type ResentIn struct {
	Uplink, ID  string
	By          Actor
	Reason      string
	Idempotency string
}

// UnreceivedIn says that an alarm of the incident is without a receipt of the
// uplink's headquarters for longer than its limit; Since is when the oldest
// was recorded.
type UnreceivedIn struct {
	Incident string
	Uplink   string
	Since    time.Time
}

// StartedIn says that the box started; Config is the hash of its configuration.
type StartedIn struct {
	Version, Boot, Config string
}

// clockIn says that the box's wall clock was stepped. Only the desk itself
// gives it.
type clockIn struct{ From, To time.Time }

// Tick is time passing: the desk feeds it at the state's next deadline.
type Tick struct{}

func (in PressIn) decide(t *step, hit *bridge.Record) error  { return t.press(in.Press, hit) }
func (in SightingIn) decide(t *step, _ *bridge.Record) error { return t.sighting(in) }
func (in ReportIn) decide(t *step, hit *bridge.Record) error {
	trim(&in.Kind, &in.Place, &in.Note)
	return t.report(in, hit)
}
func (in ActionIn) decide(t *step, hit *bridge.Record) error {
	trim(&in.Reason, &in.Note, &in.To)
	return t.action(in, hit)
}
func (in ShownIn) decide(t *step, _ *bridge.Record) error  { return t.shown(in) }
func (in DeviceIn) decide(t *step, _ *bridge.Record) error { return t.device(in) }
func (in ClipIn) decide(t *step, _ *bridge.Record) error   { return t.clipReady(in.Clip) }
func (in ClipUploadedIn) decide(t *step, _ *bridge.Record) error {
	return t.clipMoved(TypeClipUploaded, in.Clip, in.Part, in.Location, "")
}
func (in ClipEvictedIn) decide(t *step, _ *bridge.Record) error {
	return t.clipMoved(TypeClipEvicted, in.Clip, in.Part, "", in.Why)
}
func (in AccessIn) decide(t *step, hit *bridge.Record) error   { return t.access(in, hit) }
func (in ReceiptIn) decide(t *step, hit *bridge.Record) error  { return t.receipt(in, hit) }
func (in SetAsideIn) decide(t *step, _ *bridge.Record) error   { return t.setAside(in) }
func (in ResentIn) decide(t *step, hit *bridge.Record) error   { return t.resent(in, hit) }
func (in UnreceivedIn) decide(t *step, _ *bridge.Record) error { return t.unreceived(in) }
func (in StartedIn) decide(t *step, _ *bridge.Record) error    { return t.started(in) }
func (in clockIn) decide(t *step, _ *bridge.Record) error {
	t.add(bridge.Draft{Type: TypeClockStepped, Subject: "box", Lane: bridge.Notice},
		ClockStepped{Schema: schema, From: bridge.At(in.From), To: bridge.At(in.To)})
	return nil
}
func (Tick) decide(t *step, _ *bridge.Record) error {
	t.tick()
	return nil
}

func (in PressIn) keys() []string { return []string{pressKey(in.Press)} }
func (in ReportIn) keys() []string {
	keys := idemKeys(in.By, in.Idempotency)
	if in.HQID != "" {
		keys = append([]string{HQKey(in.Uplink, in.HQID), AnsweredKey(in.Uplink, in.HQID)}, keys...)
	}
	return keys
}
func (in AccessIn) keys() []string  { return idemKeys(in.By, in.Idempotency) }
func (in ActionIn) keys() []string  { return idemKeys(in.By, in.Idempotency) }
func (in ReceiptIn) keys() []string { return []string{receiptKey(in)} }
func (in ResentIn) keys() []string  { return idemKeys(in.By, in.Idempotency) }

// Result is what Handle did. Place is the newest place at which the answer is
// true, synced.
type Result struct {
	Place     uint64
	Events    []bridge.Record
	Duplicate bool
	Incident  string // the incident that the input opened, joined or changed
	Alert     string
	Task      string
	Hold      string
	Round     string    // of a patrol
	Approval  *Approval // the request that the input made or changed
	Handover  string
	// Warning is for health: the input was taken, but something is odd (a
	// pillar uses the id of another press).
	Warning string
}
