// Package config turns the configuration file into a validated Config: YAML →
// defaults → validation, with all problems at once, each with its key path,
// the value and what to do.
//
// It owns the names of the keys (contracts.md) and refuses unknown ones. It
// reads password files, so that a missing one is found at start, and the table
// of imported cameras below data.dir (sheet.go), and opens nothing else.
package config

import (
	"time"
)

// Config is the whole configuration. Relative paths have been resolved against
// the file's folder.
type Config struct {
	Station  Station  `yaml:"station"`
	Data     Data     `yaml:"data"`
	HTTP     HTTP     `yaml:"http"`
	WebRTC   WebRTC   `yaml:"webrtc"`
	Detector Detector `yaml:"detector"`
	MQTT     MQTT     `yaml:"mqtt"`
	Auth     Auth     `yaml:"auth"`
	Cameras  []Camera `yaml:"cameras"`
	// RenditionsMax is how many cameras with masks are shown as video; 0: as
	// many as the box has the cores for. The others are stills.
	RenditionsMax int        `yaml:"renditions_max"`
	Pillars       []Pillar   `yaml:"pillars"`
	Drones        []Drone    `yaml:"drones"`
	Uplinks       []Uplink   `yaml:"uplinks"`
	Upload        Upload     `yaml:"upload"`
	Places        []Place    `yaml:"places"`
	Limits        Limits     `yaml:"limits"`
	Templates     []Template `yaml:"templates"`
	Alerts        Alerts     `yaml:"alerts"`
	Points        Points     `yaml:"points"`
	Handover      Handover   `yaml:"handover"`
	Persons       []Person   `yaml:"persons"`
	Teams         []Team     `yaml:"teams"`
	Shifts        []Shift    `yaml:"shifts"`
	Forces        Forces     `yaml:"forces"`
	Patrols       []Patrol   `yaml:"patrols"`
	Drills        []Drill    `yaml:"drills"`
	DrillAfter    Duration   `yaml:"drill_after"`  // longer without a drill: said so
	DrillWithin   Duration   `yaml:"drill_within"` // then a drill is over, whatever is missing
	RoutingFile   string     `yaml:"routing_file"` // partners and classes, shared by a district's stations
	Routing       Routing    `yaml:"routing"`

	location *time.Location
	digest   string
}

// Location is the station's time zone.
func (c *Config) Location() *time.Location { return c.location }

// Digest is the SHA-256 of the files as they were read, "sha256:" and hex: the
// configuration's name in events.
func (c *Config) Digest() string { return c.digest }

// Station is who we are.
type Station struct {
	ID       string   `yaml:"id"`
	Box      string   `yaml:"box"`
	Name     string   `yaml:"name"`
	Language string   `yaml:"language"`
	Timezone string   `yaml:"timezone"`
	Position Position `yaml:"position"`
}

// Position is WGS 84, degrees.
type Position struct {
	Lat float64 `yaml:"lat"`
	Lon float64 `yaml:"lon"`
}

// Data is where things are kept, and for how long.
type Data struct {
	Dir        string    `yaml:"dir"`
	Journal    Journal   `yaml:"journal"`
	Recordings Retention `yaml:"recordings"`
	Clips      Retention `yaml:"clips"`
	Snapshots  Retention `yaml:"snapshots"`
	Pictures   Retention `yaml:"pictures"` // that people bring with reports
	Telemetry  Retention `yaml:"telemetry"`
	Positions  Retention `yaml:"positions"`
	MinFree    Size      `yaml:"min_free"` // of the disk: below it nothing is recorded, below twice of it the oldest goes
}

// Journal is where the journal stands (empty: journal below data.dir), how much
// of the disk is held back for it (0: nothing), and what it keeps.
type Journal struct {
	Dir     string   `yaml:"dir"`
	Reserve Size     `yaml:"reserve"`
	Budget  Size     `yaml:"budget"`
	MaxAge  Duration `yaml:"max_age"`
}

// Retention bounds a class of files by bytes and by age.
type Retention struct {
	Budget Size     `yaml:"budget"`
	MaxAge Duration `yaml:"max_age"`
}

// HTTP is the wall's listeners. The plain one serves loopback, and sends all
// others to TLS, unless Insecure.
type HTTP struct {
	Listen    string `yaml:"listen"`
	Insecure  bool   `yaml:"insecure"`
	TLS       TLS    `yaml:"tls"`
	PublicURL string `yaml:"public_url"` // by which browsers reach the box; empty: its addresses
}

// TLS is a listener with a certificate: the files', or else one of the box's
// own CA. Beside a plain listener on loopback, the default is none.
type TLS struct {
	Listen   string `yaml:"listen"`
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// WebRTC has the ports of live pictures; 0 is any.
type WebRTC struct {
	UDP int `yaml:"udp"`
	TCP int `yaml:"tcp"`
}

// Detector chooses the object detector.
type Detector struct {
	Backend string `yaml:"backend"` // auto, onnxruntime, dnn, hog
	Model   string `yaml:"model"`
	SHA256  string `yaml:"sha256"`
	Library string `yaml:"library"`
	// Classes are what the model finds, in its order; none are COCO's 80.
	Classes  []string `yaml:"classes"`
	MinScore float64  `yaml:"min_score"` // below: left out
	Overlap  float64  `yaml:"overlap"`   // from which two boxes are one object
}

// MQTT is the embedded broker (an empty Listen closes the plain port), or an
// external one: then who may connect and say what is that broker's business.
type MQTT struct {
	Listen string  `yaml:"listen"`
	TLS    MQTTTLS `yaml:"tls"`

	Broker       string `yaml:"broker"` // URL of an external one
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"password_file"`
	CAFile       string `yaml:"ca_file"`
	CertFile     string `yaml:"cert_file"`
	KeyFile      string `yaml:"key_file"`
}

// External tells whether pillars, phones and partners are at another's broker.
func (m *MQTT) External() bool { return m.Broker != "" }

// MQTTTLS is TLS, and whose client certificates stand for a pillar's password:
// a CA's, or else the box's own.
type MQTTTLS struct {
	Listen       string `yaml:"listen"`
	CertFile     string `yaml:"cert_file"`
	KeyFile      string `yaml:"key_file"`
	ClientCAFile string `yaml:"client_ca_file"`
}

// Auth is who may look without a login, and when a desk that nobody touches
// locks (0: never).
type Auth struct {
	AnonymousWall bool     `yaml:"anonymous_wall"`
	IdleLock      Duration `yaml:"idle_lock"`
}

// Camera is one camera.
type Camera struct {
	ID           string             `yaml:"id"`
	Name         string             `yaml:"name"`
	Streams      Streams            `yaml:"streams"`
	Username     string             `yaml:"username"`
	PasswordFile string             `yaml:"password_file"`
	Transport    string             `yaml:"transport"`
	TLS          CameraTLS          `yaml:"tls"`
	Audio        bool               `yaml:"audio"`
	Position     View               `yaml:"position"`
	Groups       []string           `yaml:"groups"` // of the station's own making: who may see it, how it is found
	Record       string             `yaml:"record"`
	PreRoll      Duration           `yaml:"pre_roll"`
	PostRoll     Duration           `yaml:"post_roll"`
	Analyze      Analyze            `yaml:"analyze"`
	Masks        [][]Point          `yaml:"masks"`
	Zones        map[string][]Point `yaml:"zones"`
	Lines        map[string]Line    `yaml:"lines"`
	Rules        []Rule             `yaml:"rules"`

	Password string `yaml:"-"`
	Row      int    `yaml:"-"` // of the table that it was imported with; 0: it is of the configuration file
}

// View is where a camera stands and what it sees.
type View struct {
	Lat     float64 `yaml:"lat"`
	Lon     float64 `yaml:"lon"`
	Bearing float64 `yaml:"bearing"` // degrees from north
	FOV     float64 `yaml:"fov"`     // degrees
	RangeM  float64 `yaml:"range_m"` // metres
}

// Point is a place in a picture, 0..1 of width and height.
type Point [2]float64

// Line is a line in a picture; looking from From to To, left is left.
type Line struct {
	From Point `yaml:"from"`
	To   Point `yaml:"to"`
}

// Analyze says how a camera is analysed.
type Analyze struct {
	Enabled bool     `yaml:"enabled"`
	FPS     float64  `yaml:"fps"`
	Objects []string `yaml:"objects"`
}

// Pillar is one alarm pillar.
type Pillar struct {
	ID           string   `yaml:"id"`
	Name         string   `yaml:"name"`
	Position     Position `yaml:"position"`
	Cameras      []string `yaml:"cameras"`
	PasswordFile string   `yaml:"password_file"`

	Password string `yaml:"-"`
}

// Drone is one drone.
type Drone struct {
	ID       string `yaml:"id"`
	Name     string `yaml:"name"`
	Kind     string `yaml:"kind"`
	Listen   string `yaml:"listen"`
	SystemID int    `yaml:"system_id"`
}

// Uplink is one command system above.
type Uplink struct {
	Name          string   `yaml:"name"`
	Label         string   `yaml:"label"` // what people read; empty: the name
	Kind          string   `yaml:"kind"`
	URL           string   `yaml:"url"`
	Username      string   `yaml:"username"`
	PasswordFile  string   `yaml:"password_file"`
	CAFile        string   `yaml:"ca_file"`
	CertFile      string   `yaml:"cert_file"`
	KeyFile       string   `yaml:"key_file"`
	Lanes         []string `yaml:"lanes"`
	Confirm       string   `yaml:"confirm"`
	ReceiptWithin Duration `yaml:"receipt_within"`
	MaxBacklog    Backlog  `yaml:"max_backlog"`
	Drills        bool     `yaml:"drills"`
	Filter        Filter   `yaml:"filter"`
	SecretFile    string   `yaml:"secret_file"` // webhook: signs what is sent
	Stream        string   `yaml:"stream"`      // nats: the JetStream stream that takes it

	Password string `yaml:"-"`
}

// Filter names the events that go with their data; an empty list is all. What
// it leaves out goes without data, so that numbers and chain stay whole.
type Filter struct {
	Types      []string `yaml:"types"`
	Priorities []string `yaml:"priorities"`
}

// Backlog is how much may wait for an uplink before the journal may retire it
// all the same.
type Backlog struct {
	Age  Duration `yaml:"age"`
	Size Size     `yaml:"size"`
}

// Upload sends clip bytes up.
type Upload struct {
	Kind      string   `yaml:"kind"`
	URL       string   `yaml:"url"`
	RateLimit Rate     `yaml:"rate_limit"`
	When      []string `yaml:"when"`
}

// Place is a named spot.
type Place struct {
	ID          string       `yaml:"id"`
	Name        string       `yaml:"name"`
	AddressCode string       `yaml:"address_code"`
	Beat        string       `yaml:"beat"`
	Polygon     [][2]float64 `yaml:"polygon"` // lat, lon
}

// Default is the configuration of a box with nothing attached. Cameras,
// pillars, drones and uplinks get their own defaults when they are read.
func Default() Config {
	day := Duration(24 * time.Hour)
	return Config{
		Station: Station{Box: "a", Language: "zh-CN", Timezone: "Asia/Shanghai"},
		Data: Data{
			Dir:        "/var/lib/watchpost",
			Journal:    Journal{Reserve: 1 * GiB, Budget: 20 * GiB, MaxAge: 730 * day},
			Recordings: Retention{Budget: 200 * GiB, MaxAge: 30 * day},
			Clips:      Retention{Budget: 50 * GiB, MaxAge: 90 * day},
			Snapshots:  Retention{Budget: 10 * GiB, MaxAge: 90 * day},
			Pictures:   Retention{Budget: 10 * GiB, MaxAge: 90 * day},
			Telemetry:  Retention{Budget: 1 * GiB, MaxAge: 7 * day},
			Positions:  Retention{Budget: GiB / 4, MaxAge: 7 * day},
			MinFree:    1 * GiB,
		},
		HTTP:       HTTP{Listen: ":8080", TLS: TLS{Listen: httpsListen}},
		WebRTC:     WebRTC{UDP: 8189, TCP: 8189},
		Detector:   Detector{Backend: "auto", Model: "yolox_nano.onnx", Library: "libonnxruntime.so.1", Classes: []string{}, Overlap: 0.45},
		MQTT:       MQTT{Listen: mqttListen, TLS: MQTTTLS{Listen: mqttsListen}},
		Auth:       Auth{IdleLock: Duration(15 * time.Minute)},
		Alerts:     defaultAlerts(),
		Forces:     Forces{StaleAfter: Duration(5 * time.Minute)},
		DrillAfter: 30 * day, DrillWithin: Duration(5 * time.Minute),
		Points:   Points{InTime: 10, Late: 4},
		Handover: Handover{TakeWithin: Duration(15 * time.Minute)},
		Limits:   defaultLimits(),
	}
}

func (cam *Camera) setDefaults() {
	cam.Transport, cam.Record = "auto", "continuous"
	cam.PreRoll, cam.PostRoll = Duration(30*time.Second), Duration(30*time.Second)
	cam.Position = View{FOV: 70, RangeM: 60}
	cam.Analyze = Analyze{Enabled: true, FPS: 5, Objects: []string{"person"}}
}

func (d *Drone) setDefaults() { d.Kind, d.SystemID = "mavlink", 1 }

func (u *Uplink) setDefaults() {
	u.Kind = "mqtt" // confirm goes by kind: completed once that is known
	u.Lanes = []string{"alarm", "notice", "clip"}
	u.ReceiptWithin = Duration(time.Minute)
	u.MaxBacklog = Backlog{Age: Duration(90 * 24 * time.Hour), Size: 20 * GiB}
}
