package wall

import (
	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/health"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// The resources that are not the desk's, as openapi.json describes them.

// Station is who we are.
type Station struct {
	ID       string          `json:"id"`
	Box      string          `json:"box"`
	Name     string          `json:"name"`
	Language string          `json:"language"` // zh-CN or en
	Timezone string          `json:"timezone"` // IANA
	Position ingest.Position `json:"position"`
}

// View is where a camera stands and what it sees.
type View struct {
	Lat     float64 `json:"lat"`
	Lon     float64 `json:"lon"`
	Bearing float64 `json:"bearing"` // degrees clockwise from true north
	FOV     float64 `json:"fov"`     // degrees; 0: not known
	RangeM  float64 `json:"range_m"` // metres
}

// Camera is a configured camera with its live facts.
type Camera struct {
	ID       string                  `json:"id"`
	Name     string                  `json:"name"`
	Position *View                   `json:"position,omitempty"`
	Record   string                  `json:"record"` // continuous, incidents, off
	Analyze  bool                    `json:"analyze"`
	Sub      bool                    `json:"sub"`             // it has a sub stream, for small tiles
	Zones    map[string][][2]float64 `json:"zones,omitempty"` // polygons, 0..1 of the picture
	Masks    [][][2]float64          `json:"masks,omitempty"`
	Rules    []CameraRule            `json:"rules,omitempty"`
	Groups   []string                `json:"groups,omitempty"`
	Pinyin   string                  `json:"pinyin,omitempty"` // of the name, initials first, for search
	Live     CameraState             `json:"live"`
}

// CameraRule is a rule of a camera, by which it makes sightings.
type CameraRule struct {
	Name  string `json:"name"`
	Label string `json:"label,omitempty"` // what people read; empty: the name
	Kind  string `json:"kind"`
}

// CameraState is what changes by the second.
type CameraState struct {
	ID        string       `json:"id"`
	Live      bool         `json:"live"`
	Since     bridge.Stamp `json:"since"`  // when Live last changed
	AgeMS     int64        `json:"age_ms"` // of the newest picture; -1: none yet
	Recording bool         `json:"recording"`
	FPS       float64      `json:"fps"`
	Width     int          `json:"width"`
	Height    int          `json:"height"`
	Codec     string       `json:"codec"`
	Clock     *CameraClock `json:"clock,omitempty"`     // nil until the first picture
	Why       string       `json:"why,omitempty"`       // why it is not live
	Rendition string       `json:"rendition,omitempty"` // masked, or stills: masked, one picture a second; empty: as it comes
}

// CameraClock is a camera's clock beside the box's.
type CameraClock struct {
	Known         bool     `json:"known"`               // the camera tells its wall clock
	OffsetMS      float64  `json:"offset_ms"`           // how far the camera's clock is ahead
	UncertaintyMS float64  `json:"uncertainty_ms"`      // of a picture's time
	DriftPPM      *float64 `json:"drift_ppm,omitempty"` // how much faster it runs; nil until it was watched for a minute
}

// Pillar is a configured pillar with its newest status.
type Pillar struct {
	ID       string               `json:"id"`
	Name     string               `json:"name"`
	Position *ingest.Position     `json:"position,omitempty"`
	Cameras  []string             `json:"cameras"`
	Status   *ingest.PillarStatus `json:"status,omitempty"` // nil: never heard
}

// Drone is a configured drone with what was last heard.
type Drone struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Kind      string            `json:"kind"` // mavlink, dji
	Telemetry *ingest.Telemetry `json:"telemetry,omitempty"`
}

// Uplink is one way up, and how far behind it is.
type Uplink struct {
	Name      string                 `json:"name"`
	Label     string                 `json:"label,omitempty"` // what people read; empty: the name
	Kind      string                 `json:"kind"`            // mqtt, webhook, nats
	Connected bool                   `json:"connected"`
	Listening bool                   `json:"listening"` // headquarters said so
	Since     bridge.Stamp           `json:"since"`     // when Connected last changed
	Lag       map[bridge.Lane]uint64 `json:"lag"`       // events not yet confirmed
	Oldest    bridge.Stamp           `json:"oldest"`    // recorded time of the oldest of them
	SetAside  int                    `json:"set_aside"`
	Why       string                 `json:"why,omitempty"`
}

// uplinkAnswer is an uplink with what its headquarters refused.
type uplinkAnswer struct {
	Uplink
	Aside []desk.SetAside `json:"aside"` // newest first, bounded
}

// EventDelivery is the way of one event to each headquarters that gets it.
type EventDelivery struct {
	Event   string            `json:"event"`
	Stored  bridge.Stamp      `json:"stored"`
	Uplinks []bridge.Delivery `json:"uplinks"`
}

// IncidentDelivery sums up the alarms of an open incident.
type IncidentDelivery struct {
	Incident string           `json:"incident"`
	Uplinks  []UplinkDelivery `json:"uplinks"`
}

// UplinkDelivery is how far an incident's alarms have come at one headquarters.
type UplinkDelivery struct {
	Uplink   string       `json:"uplink"`
	Mark     bridge.Mark  `json:"mark"` // of the one that has come least far
	Events   int          `json:"events"`
	Received int          `json:"received"` // of these, judged ones too
	Accepted int          `json:"accepted"`
	Rejected int          `json:"rejected"`
	Oldest   bridge.Stamp `json:"oldest"` // recorded time of the oldest that is not received; empty: all are
}

// Place is a configured place.
type Place struct {
	ID          string       `json:"id"`
	Name        string       `json:"name"`
	AddressCode string       `json:"address_code,omitempty"`
	Beat        string       `json:"beat,omitempty"`
	Polygon     [][2]float64 `json:"polygon"` // lat, lon
}

type me struct {
	Name      string      `json:"name"`
	Role      access.Role `json:"role"`
	Anonymous bool        `json:"anonymous"`
}

type sessionAnswer struct {
	AsOf      string       `json:"as_of"`
	Name      string       `json:"name"`
	Role      access.Role  `json:"role"`
	Anonymous bool         `json:"anonymous"`
	Limited   bool         `json:"limited"` // may not see every camera
	Desk      bool         `json:"desk"`    // works at a desk that locks
	Locked    bool         `json:"locked"`
	IdleLock  int          `json:"idle_lock_s"` // 0: never
	Expires   bridge.Stamp `json:"expires_at"`
	Idle      bridge.Stamp `json:"idle_expires_at"`
}

type roomAnswer struct {
	AsOf      string           `json:"as_of"`
	At        bridge.Stamp     `json:"at"`
	Station   Station          `json:"station"`
	Me        me               `json:"me"`
	Incidents []*desk.Incident `json:"incidents"`
	Alerts    []*desk.Alert    `json:"alerts"`
	Clips     []*desk.Clip     `json:"clips"`
	Tasks     []*desk.Task     `json:"tasks"`
	Devices   []*desk.Device   `json:"devices"`
	Uplinks   []Uplink         `json:"uplinks"`
	Cameras   []Camera         `json:"cameras"`
	Pillars   []Pillar         `json:"pillars"`
	Drones    []Drone          `json:"drones"`
	Places    []Place          `json:"places"`
	Warnings  []warningAnswer  `json:"warnings"`
}

type stateAnswer struct {
	At       bridge.Stamp       `json:"at"`
	Cameras  []CameraState      `json:"cameras"`
	Drones   []ingest.Telemetry `json:"drones"`
	Uplinks  []Uplink           `json:"uplinks"`
	Warnings []warningAnswer    `json:"warnings"`
	Units    []Unit             `json:"units"` // on duty
	// Deliveries are those of the open incidents, the most urgent ones.
	Deliveries []IncidentDelivery `json:"deliveries"`
}

type incidentAnswer struct {
	AsOf       string          `json:"as_of"`
	Incident   *desk.Incident  `json:"incident"`
	Alerts     []*desk.Alert   `json:"alerts"`
	Clips      []*desk.Clip    `json:"clips"`
	Deliveries []EventDelivery `json:"deliveries"`
	Actions    []desk.Action   `json:"actions"`
}

type warningAnswer struct {
	Code     string          `json:"code"`
	Title    string          `json:"title"`
	Text     string          `json:"text"`
	Severity health.Severity `json:"severity"`
	Subject  string          `json:"subject,omitempty"`
	Since    bridge.Stamp    `json:"since"`

	Params map[string]string `json:"params,omitempty"` // what varies in Text
}

type healthAnswer struct {
	AsOf     string          `json:"as_of"`
	Status   string          `json:"status"` // ok, degraded, critical
	Version  string          `json:"version"`
	Started  bridge.Stamp    `json:"started_at"`
	Warnings []warningAnswer `json:"warnings"`
}

type trackAnswer struct {
	AsOf   string             `json:"as_of"`
	Drone  string             `json:"drone"`
	From   bridge.Stamp       `json:"from"`
	To     bridge.Stamp       `json:"to"`
	Points []ingest.Telemetry `json:"points"`
}

type recordAnswer struct {
	Place uint64       `json:"place"`
	Event bridge.Event `json:"event"`
}

type pageAnswer[T any] struct {
	AsOf   string `json:"as_of"`
	Items  []T    `json:"items"`
	Cursor string `json:"cursor,omitempty"`
}

type doneAnswer struct {
	AsOf string `json:"as_of"`
}

func toWarnings(list []health.Warning) []warningAnswer {
	answers := make([]warningAnswer, len(list))
	for i, w := range list {
		answers[i] = warningAnswer{Code: w.Code, Title: w.Title, Text: w.Text, Params: w.Params, Severity: w.Severity, Subject: w.Subject, Since: bridge.At(w.Since)}
	}
	return answers
}

// full is the list, never nil: in JSON an empty list is [].
func full[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
