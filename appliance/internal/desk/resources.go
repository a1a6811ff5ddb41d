package desk

import (
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// The resources of the room, as the API gives them. Touched is the place of
// the journal at which the resource last changed.

// IncidentState is where an incident stands (domain.md).
type IncidentState string

// Incident states.
const (
	Open         IncidentState = "open"
	Acknowledged IncidentState = "acknowledged"
	Dispatched   IncidentState = "dispatched"
	OnScene      IncidentState = "on_scene"
	Closed       IncidentState = "closed"
)

// PlaceRef names where something is: a configured place, a device's spot, or
// what the reporter said.
type PlaceRef struct {
	ID          string `json:"id,omitempty"`
	Name        string `json:"name"`
	AddressCode string `json:"address_code,omitempty"`
	Beat        string `json:"beat,omitempty"`
}

// Incident is what the room works on.
type Incident struct {
	ID             string           `json:"id"`
	Number         uint64           `json:"number"` // for people: counts from 1 in an epoch
	State          IncidentState    `json:"state"`
	Priority       string           `json:"priority"` // P0..P3: the highest of its alerts
	Kind           string           `json:"kind"`     // of the first alert; of a report what was reported
	Drill          bool             `json:"drill"`
	Place          PlaceRef         `json:"place"`
	Position       *ingest.Position `json:"position,omitempty"`
	Cameras        []string         `json:"cameras"` // bound: nearest first
	Alerts         []string         `json:"alerts"`
	Clips          []string         `json:"clips"`
	Tasks          []string         `json:"tasks,omitempty"`
	Similar        []string         `json:"similar"`
	Linked         []string         `json:"linked,omitempty"`   // others that have to do with it
	Reopens        string           `json:"reopens,omitempty"`  // id of the older incident that goes on in this one; it may have left the state
	Snapshot       string           `json:"snapshot,omitempty"` // SHA-256 (hex) of the newest
	OccurredAt     bridge.Stamp     `json:"occurred_at"`
	OpenedAt       bridge.Stamp     `json:"opened_at"`
	AcknowledgedAt bridge.Stamp     `json:"acknowledged_at"`
	ClosedAt       bridge.Stamp     `json:"closed_at"`
	ClaimedBy      string           `json:"claimed_by,omitempty"`
	ClaimedAt      bridge.Stamp     `json:"claimed_at"`
	Unanswered     int              `json:"unanswered"`             // presses that came after it was answered, and nobody answered since
	Rings          []Ring           `json:"rings,omitempty"`        // times at which somebody pressed again, oldest first
	RingsFolded    int              `json:"rings_folded,omitempty"` // older ones that are not among these
	PressedAt      bridge.Stamp     `json:"pressed_at,omitzero"`    // the newest of these
	Limit          bridge.Stamp     `json:"limit"`                  // deadline of the present state; empty when closed
	Next           bridge.Stamp     `json:"next"`                   // when it escalates next; empty when it does not
	Escalated      int              `json:"escalated"`
	Unshown        bool             `json:"unshown,omitempty"`     // no screen drew it in time, and nobody has answered or drawn it since
	SeenThrough    bridge.Stamp     `json:"seen_through,omitzero"` // alerts recorded until then wait for no screen
	Unreceived     []string         `json:"unreceived,omitempty"`  // uplinks whose missing receipt escalated it
	Result         string           `json:"result,omitempty"`      // resolved, false_alarm, transferred, drill, merged
	MergedInto     string           `json:"merged_into,omitempty"` // the incident that goes on in its place
	Stages         []Stage          `json:"stages,omitempty"`      // the states it was in, oldest first
	Score          *Score           `json:"score,omitempty"`
	History        []Step           `json:"history"`
	HistoryFolded  int              `json:"history_folded,omitempty"` // lines left out of History; the journal has them
	Touched        uint64           `json:"touched"`
}

// Step is one line of an incident's history.
type Step struct {
	At     bridge.Stamp  `json:"at"`
	Type   string        `json:"type"` // event type without "watchpost."
	By     string        `json:"by,omitempty"`
	State  IncidentState `json:"state,omitempty"`
	Alert  string        `json:"alert,omitempty"`
	Clip   string        `json:"clip,omitempty"`
	Task   string        `json:"task,omitempty"`
	Reason string        `json:"reason,omitempty"`
	Note   string        `json:"note,omitempty"`
	Event  string        `json:"event"` // id of the event
	Place  uint64        `json:"place"` // in the journal
}

// Alert is one fact that somebody must look at.
type Alert struct {
	ID         string           `json:"id"`
	Incident   string           `json:"incident"`
	Kind       string           `json:"kind"`   // alarm, duress, …; intrusion, …; call_110, …; drone_silent, …
	Origin     string           `json:"origin"` // press, sighting, report, drone, device
	Priority   string           `json:"priority"`
	Drill      bool             `json:"drill"`
	Place      PlaceRef         `json:"place"`
	Position   *ingest.Position `json:"position,omitempty"`
	Device     string           `json:"device,omitempty"`
	From       bridge.Stamp     `json:"from"` // occurred
	To         bridge.Stamp     `json:"to"`
	Recorded   bridge.Stamp     `json:"recorded"`
	Late       bool             `json:"late"` // recorded long after it occurred
	Ended      bool             `json:"ended"`
	Count      int              `json:"count"`
	Confidence float64          `json:"confidence,omitempty"`
	Snapshot   string           `json:"snapshot,omitempty"`
	Rule       string           `json:"rule,omitempty"`
	Zone       string           `json:"zone,omitempty"`
	Line       string           `json:"line,omitempty"`
	Direction  string           `json:"direction,omitempty"`
	Reported   string           `json:"reported,omitempty"` // of a report: theft, fight, …
	Note       string           `json:"note,omitempty"`
	HQID       string           `json:"hq_id,omitempty"` // of a report from above: headquarters' id, and by which uplink
	Uplink     string           `json:"uplink,omitempty"`
	Press      string           `json:"press,omitempty"`     // the pillar's own id of the press
	Sightings  []string         `json:"sightings,omitempty"` // vision's ids that are still going on
	Past       []string         `json:"past,omitempty"`      // vision's ids that ended last
	ShowBy     bridge.Stamp     `json:"show_by,omitzero"`    // when a screen must have drawn it (P0)
	ShownAt    bridge.Stamp     `json:"shown_at"`            // first
	Screens    []string         `json:"screens,omitempty"`   // that drew it
	Touched    uint64           `json:"touched"`
}

// Clip is one part of a piece of recording of an incident.
type Clip struct {
	ID            string       `json:"id"`   // {incident}-{camera}-{n}
	Part          string       `json:"part"` // "1" or "whole"
	Incident      string       `json:"incident"`
	Camera        string       `json:"camera"`
	From          bridge.Stamp `json:"from"`
	To            bridge.Stamp `json:"to"`
	WantedFrom    bridge.Stamp `json:"wanted_from"` // earlier than From: the camera was held for less
	Gaps          []Interval   `json:"gaps"`
	OffsetMS      float64      `json:"offset_ms"`
	UncertaintyMS float64      `json:"uncertainty_ms"`
	SHA256        string       `json:"sha256"`
	Original      string       `json:"original_sha256,omitempty"` // before masks were burnt in
	Bytes         int64        `json:"bytes"`
	Masked        bool         `json:"masked"`
	Supersedes    string       `json:"supersedes,omitempty"` // part
	Location      string       `json:"location"`             // /api/v1/clips/{id}/{part}.mp4
	ReadyAt       bridge.Stamp `json:"ready_at"`
	UploadedAt    bridge.Stamp `json:"uploaded_at"`
	UploadedTo    string       `json:"uploaded_to,omitempty"` // headquarters' address of the bytes
	Evicted       string       `json:"evicted,omitempty"`     // why
	Touched       uint64       `json:"touched"`
}

// Interval is a stretch of time.
type Interval struct {
	From bridge.Stamp `json:"from"`
	To   bridge.Stamp `json:"to"`
	Why  string       `json:"why,omitempty"`
}

// Device is a camera, pillar or drone: what the journal knows of it. Live
// facts (age of the picture, position) are not here: they are `state` events.
type Device struct {
	ID       string           `json:"id"`
	Type     string           `json:"type"` // camera, pillar, drone, uplink
	Name     string           `json:"name"`
	State    string           `json:"state"` // unknown (never heard), online, offline, silent, degraded, tampered
	Since    bridge.Stamp     `json:"since"`
	Why      string           `json:"why,omitempty"`
	Position *ingest.Position `json:"position,omitempty"`
	Blind    *Interval        `json:"blind,omitempty"` // the unplanned open blind interval that began first (cameras); Why is its kind
	Blinds   []Blind          `json:"blinds,omitempty"`
	OffsetMS float64          `json:"offset_ms"` // of the device's clock, as last recorded
	Touched  uint64           `json:"touched"`
}

// Blind is an open blind interval of a camera; there is one at most per kind.
type Blind struct {
	Kind  string       `json:"kind"`
	From  bridge.Stamp `json:"from"`
	Cause string       `json:"cause,omitempty"` // plan: the configuration wants it
	Why   string       `json:"why,omitempty"`
}
