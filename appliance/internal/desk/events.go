package desk

import (
	"encoding/json"
	"fmt"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// Types of the events that the desk writes (contracts.md, "Events").
const (
	TypeAlertRaised  = "watchpost.alert.raised"
	TypeAlertUpdated = "watchpost.alert.updated"
	TypeAlertEnded   = "watchpost.alert.ended"
	TypeAlertShown   = "watchpost.alert.shown"

	TypeIncidentOpened       = "watchpost.incident.opened"
	TypeIncidentClaimed      = "watchpost.incident.claimed"
	TypeIncidentAcknowledged = "watchpost.incident.acknowledged"
	TypeIncidentClosed       = "watchpost.incident.closed"
	TypeIncidentReopened     = "watchpost.incident.reopened"
	TypeIncidentEscalated    = "watchpost.incident.escalated"
	TypeIncidentNoted        = "watchpost.incident.noted"
	TypeIncidentDispatched   = "watchpost.incident.dispatched"
	TypeIncidentOnScene      = "watchpost.incident.on_scene"
	TypeIncidentLinked       = "watchpost.incident.linked"
	TypeIncidentMerged       = "watchpost.incident.merged"
	TypeIncidentSplit        = "watchpost.incident.split"

	TypeDeviceOnline   = "watchpost.device.online"
	TypeDeviceOffline  = "watchpost.device.offline"
	TypeDeviceSilent   = "watchpost.device.silent"
	TypeDeviceDegraded = "watchpost.device.degraded"
	TypeDeviceTampered = "watchpost.device.tampered"
	TypeDeviceClock    = "watchpost.device.clock"

	TypeBlindOpened = "watchpost.blind.opened"
	TypeBlindClosed = "watchpost.blind.closed"

	TypeClipReady    = "watchpost.clip.ready"
	TypeClipUploaded = "watchpost.clip.uploaded"
	TypeClipEvicted  = "watchpost.clip.evicted"

	TypeReceiptAccepted = "watchpost.receipt.accepted"
	TypeReceiptRejected = "watchpost.receipt.rejected"
	TypeUplinkSetAside  = "watchpost.uplink.set_aside"
	TypeUplinkResent    = "watchpost.uplink.resent"
	TypeClockStepped    = "watchpost.clock.stepped"
	TypeBoxStarted      = "watchpost.box.started"

	TypeLookOpened = "watchpost.access.look_opened"
	TypeLooked     = "watchpost.access.looked"

	typePrefix   = "watchpost."
	accessPrefix = "watchpost.access."
	devicePrefix = "watchpost.device."
)

// schema is the version of every event's data.
const schema = 1

// AlertRaised is the data of alert.raised. Exactly one of Press, Sighting,
// Report, Drone, DeviceFact is there: the alert's origin.
type AlertRaised struct {
	Schema   int              `json:"schema"`
	Alert    string           `json:"alert"`
	Kind     string           `json:"kind"`
	Priority string           `json:"priority"`
	Place    PlaceRef         `json:"place"`
	Position *ingest.Position `json:"position,omitempty"`
	Device   string           `json:"device"`
	Incident string           `json:"incident"`
	Late     bool             `json:"late"`
	Cameras  []string         `json:"cameras"`            // bound to the alert, nearest first
	Clips    []ClipWant       `json:"clips"`              // recordings that belong to it
	Limit    bridge.Stamp     `json:"limit,omitzero"`     // the incident's new deadline, when the alert raises its priority
	AnswerBy bridge.Stamp     `json:"answer_by,omitzero"` // of a press that joins an answered incident: by when it is to be answered itself
	ShowBy   bridge.Stamp     `json:"show_by,omitzero"`   // when a screen must have drawn it (P0)
	Exercise string           `json:"exercise,omitempty"` // the drill that raised it

	Press      *PressFact    `json:"press,omitempty"`
	Sighting   *SightingFact `json:"sighting,omitempty"`
	Report     *ReportFact   `json:"report,omitempty"`
	Drone      *DroneFact    `json:"drone,omitempty"`
	DeviceFact *DeviceFact   `json:"device_fact,omitempty"`
}

// PressFact is a press as the pillar told it.
type PressFact struct {
	Pillar   string `json:"pillar"`
	ID       string `json:"id"`
	Kind     string `json:"kind"`
	At       string `json:"at"` // exactly as the pillar wrote it
	Seq      uint64 `json:"seq"`
	Replayed bool   `json:"replayed"`
	Reused   bool   `json:"reused,omitempty"` // the pillar used the id before, with other content
}

// SightingFact is a sighting as vision told it.
type SightingFact struct {
	ID         string       `json:"id"`
	Camera     string       `json:"camera"`
	Rule       string       `json:"rule"`
	Kind       string       `json:"kind"`
	Class      string       `json:"class,omitempty"`
	Zone       string       `json:"zone"`
	Line       string       `json:"line"`
	Direction  string       `json:"direction"`
	Track      uint64       `json:"track"`
	From       bridge.Stamp `json:"from"`
	To         bridge.Stamp `json:"to"`
	Confidence float64      `json:"confidence"`
	Count      int          `json:"count,omitempty"` // crowd: how many; counting: how many so far
	Snapshot   string       `json:"snapshot"`        // SHA-256, hex
}

// ReportFact is what a person told.
type ReportFact struct {
	Source string `json:"source"`
	Kind   string `json:"kind"`
	Note   string `json:"note"`
	By     string `json:"by"`
	HQID   string `json:"hq_id"`
	Uplink string `json:"uplink,omitempty"`
}

// DroneFact is a fact about a drone; Value and Limit where the fact has them.
type DroneFact struct {
	Drone    string           `json:"drone"`
	Kind     string           `json:"kind"`
	Position *ingest.Position `json:"position"`
	Value    *float64         `json:"value"`
	Limit    *float64         `json:"limit"`
}

// DeviceFact is a fact about any other device.
type DeviceFact struct {
	Device string       `json:"device"`
	Kind   string       `json:"kind"`
	Since  bridge.Stamp `json:"since"`
}

// AlertUpdated is the data of alert.updated and alert.ended.
type AlertUpdated struct {
	Schema     int          `json:"schema"`
	Alert      string       `json:"alert"`
	Incident   string       `json:"incident"`
	From       bridge.Stamp `json:"from"`
	To         bridge.Stamp `json:"to"`
	Count      int          `json:"count"`
	Confidence float64      `json:"confidence"`
	Snapshot   string       `json:"snapshot"`
	Sighting   string       `json:"sighting,omitempty"` // vision's id of the sighting that is meant
	Ended      bool         `json:"ended,omitempty"`    // that sighting ended (others of the alert may go on)
	Clips      []ClipWant   `json:"clips,omitempty"`    // of a repeat
	Press      *PressFact   `json:"press,omitempty"`    // the press that was counted in
	Rings      bool         `json:"rings,omitempty"`    // the press is the first after a pause
	Limit      bridge.Stamp `json:"limit,omitzero"`     // the incident's new deadline, when the press rings
	AnswerBy   bridge.Stamp `json:"answer_by,omitzero"` // by when that press is to be answered, when it rings at an answered incident
}

// AlertShown is the data of alert.shown.
type AlertShown struct {
	Schema int          `json:"schema"`
	Alert  string       `json:"alert"`
	Screen string       `json:"screen"`
	At     bridge.Stamp `json:"at"`
}

// IncidentOpened is the data of incident.opened.
type IncidentOpened struct {
	Schema   int              `json:"schema"`
	Incident string           `json:"incident"`
	Kind     string           `json:"kind"`
	Priority string           `json:"priority"`
	Place    PlaceRef         `json:"place"`
	Position *ingest.Position `json:"position,omitempty"`
	Cameras  []string         `json:"cameras"`
	Alerts   []string         `json:"alerts"`
	Limit    bridge.Stamp     `json:"limit"`
	Similar  []string         `json:"similar"`
	Linked   []string         `json:"linked,omitempty"`  // open incidents of the same place and time
	Reopens  string           `json:"reopens,omitempty"` // id of the incident that goes on in this one; it may have left the state
	Config   string           `json:"config"`            // hash of the configuration that decided this
}

// IncidentChanged is the data of every other incident.… event: the new state,
// its limit, and what the type needs.
type IncidentChanged struct {
	Schema   int           `json:"schema"`
	Incident string        `json:"incident"`
	By       string        `json:"by"`
	Reason   string        `json:"reason"`
	State    IncidentState `json:"state"`
	Limit    bridge.Stamp  `json:"limit"`
	From     string        `json:"from,omitempty"`     // claimed: who had it before
	Result   string        `json:"result,omitempty"`   // closed
	Orders   []OrderLeft   `json:"orders,omitempty"`   // closed: what became of its open orders
	Other    string        `json:"other,omitempty"`    // linked, merged, split; closed as merged: the incident that goes on
	Alerts   []string      `json:"alerts,omitempty"`   // merged, split: that moved
	Task     string        `json:"task,omitempty"`     // dispatched, on_scene: by which order
	Note     string        `json:"note,omitempty"`     // noted
	Step     int           `json:"step,omitempty"`     // escalated: 1, 2, 3
	Next     bridge.Stamp  `json:"next,omitzero"`      // escalated: when the next step comes
	Uplink   string        `json:"uplink,omitempty"`   // escalated: whose receipt is missing
	Alert    string        `json:"alert,omitempty"`    // escalated: the P0 that no screen drew
	Since    bridge.Stamp  `json:"since,omitzero"`     // escalated: since when
	Handover string        `json:"handover,omitempty"` // claimed: passed on with this handover
	Waits    bool          `json:"waits,omitempty"`    // claimed: what nobody has drawn or answered still waits for it
}

// DeviceChanged is the data of device.… events.
type DeviceChanged struct {
	Schema        int              `json:"schema"`
	Device        string           `json:"device"`
	Type          string           `json:"type"`
	Name          string           `json:"name"`
	Since         bridge.Stamp     `json:"since"`
	Why           string           `json:"why"`
	Position      *ingest.Position `json:"position,omitempty"`
	OffsetMS      float64          `json:"offset_ms"`
	UncertaintyMS float64          `json:"uncertainty_ms"`
}

// ClipChanged is the data of clip.… events.
type ClipChanged struct {
	Schema        int          `json:"schema"`
	Clip          string       `json:"clip"`
	Part          string       `json:"part"`
	Incident      string       `json:"incident"`
	Camera        string       `json:"camera"`
	From          bridge.Stamp `json:"from"`
	To            bridge.Stamp `json:"to"`
	WantedFrom    bridge.Stamp `json:"wanted_from"`
	Gaps          []Interval   `json:"gaps"`
	OffsetMS      float64      `json:"offset_ms"`
	UncertaintyMS float64      `json:"uncertainty_ms"`
	SHA256        string       `json:"sha256"`
	Original      string       `json:"original_sha256"`
	Bytes         int64        `json:"bytes"`
	Masked        bool         `json:"masked"`
	Supersedes    string       `json:"supersedes"`
	Location      string       `json:"location"`
	Why           string       `json:"why,omitempty"` // evicted
}

// AccessFact is the data of access.… events.
type AccessFact struct {
	Schema int          `json:"schema"`
	By     string       `json:"by"`
	Role   string       `json:"role"`
	Camera string       `json:"camera,omitempty"`
	From   bridge.Stamp `json:"from,omitzero"`
	To     bridge.Stamp `json:"to,omitzero"`
	Remote string       `json:"remote"`
	Why    string       `json:"why"`
	Note   string       `json:"note,omitempty"` // what else is to be known of it

	Asked    string    `json:"asked,omitempty"`    // user, token: digest of what was asked for, without secrets
	Approval *Approval `json:"approval,omitempty"` // what became of a request that needs two people
}

// ReceiptFact is the data of receipt.… events.
type ReceiptFact struct {
	Schema int          `json:"schema"`
	Uplink string       `json:"uplink"`
	Epoch  string       `json:"epoch"`
	Lane   bridge.Lane  `json:"lane"`
	ID     string       `json:"id"`
	By     string       `json:"by"`
	At     bridge.Stamp `json:"at"`
	Reason string       `json:"reason"`
}

// SetAsideFact is the data of uplink.set_aside.
type SetAsideFact struct {
	Schema int    `json:"schema"`
	Uplink string `json:"uplink"`
	ID     string `json:"id"`
	Reason string `json:"reason"`

	Epoch    string      `json:"epoch,omitempty"`
	Lane     bridge.Lane `json:"lane,omitempty"`
	Sequence string      `json:"sequence,omitempty"`
	Type     string      `json:"type,omitempty"`
	Subject  string      `json:"subject,omitempty"`
}

// ResentFact is the data of uplink.resent.
type ResentFact struct {
	Schema int    `json:"schema"`
	Uplink string `json:"uplink"`
	ID     string `json:"id"`
	By     string `json:"by"`
	Reason string `json:"reason"`
}

// ClockStepped is the data of clock.stepped.
type ClockStepped struct {
	Schema int          `json:"schema"`
	From   bridge.Stamp `json:"from"`
	To     bridge.Stamp `json:"to"`
}

// BoxStarted is the data of box.started.
type BoxStarted struct {
	Schema  int    `json:"schema"`
	Version string `json:"version"`
	Boot    string `json:"boot"`
	Config  string `json:"config"`
}

// decode reads an event's data; nil when the data was erased by law.
func decode[T any](e *bridge.Event) (*T, error) {
	if len(e.Data) == 0 {
		return nil, nil
	}
	data := new(T)
	if err := json.Unmarshal(e.Data, data); err != nil {
		return nil, fmt.Errorf("read data of event %s: %w", e.ID, err)
	}
	return data, nil
}

// AccessTypes are the types of access.… events.
func AccessTypes() []string {
	types := accessKinds()
	for i, kind := range types {
		types[i] = accessPrefix + kind
	}
	return types
}

// accessKinds are what people do that is told in lane local.
func accessKinds() []string {
	return []string{"login", "refused", "look_opened", "looked", "exported", "imported", "unmasked", "token", "user", "requested", "approved", "withdrawn", "expired"}
}
