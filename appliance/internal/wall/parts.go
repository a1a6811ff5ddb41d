package wall

import (
	"context"
	"io"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/health"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall/whep"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// decider is the desk. What it returns is synced.
type decider interface {
	Handle(ctx context.Context, in desk.Input) (desk.Result, error)
	// View shows the state; nothing of it but its resources may be kept.
	View(ctx context.Context, show func(*desk.State)) (asOf uint64, err error)
	// Since gives what was touched after the place; desk.ErrGone when it
	// cannot tell.
	Since(ctx context.Context, place uint64) (changes []desk.Change, asOf uint64, err error)
	Changed() <-chan struct{}
	Rules() *desk.Rules
}

// journal is the part of bridge.Reader that is shown to leads.
type journal interface {
	Epoch() string
	Last() uint64
	Read(after uint64, limit int) ([]bridge.Record, error)
	LastSequence(lane bridge.Lane) uint64
	ReadLane(lane bridge.Lane, after uint64, limit int) ([]bridge.Record, error)
	Find(key string) (bridge.Record, bool, error)
}

// devices are the station's configured devices with their live facts, each
// call anew. They are asked several times a second and must not block.
type devices interface {
	Cameras() []Camera
	// Groups are those of a camera.
	Groups(camera string) []string
	Pillars() []Pillar
	Drones() []Drone
	Uplinks() []Uplink
	Places() []Place
}

// deliveries say how far events have come at each headquarters.
type deliveries interface {
	// Open sums up the open incidents. It is asked several times a second and
	// must not block.
	Open() []IncidentDelivery
	// Of tells of each event in the incident's history that leaves the box.
	Of(incident *desk.Incident) ([]EventDelivery, error)
	// OfTask tells the same of a task's events.
	OfTask(task *desk.Task) ([]EventDelivery, error)
	// Aside is what the uplink's headquarters refused and nobody has sent
	// again, newest first, bounded.
	Aside(uplink string) []desk.SetAside
	// SendAgain sends what was set aside again, waits until headquarters has
	// it, and records that; a repeat under its key answers as the first.
	// *bridge.EventError says that it was refused again, bridge.ErrNotReady
	// that nobody is there to take it.
	SendAgain(ctx context.Context, in desk.ResentIn) (desk.Result, error)
}

// video is the live video of a camera; false while it is not live.
type video interface {
	Live(camera string, small bool) (whep.Video, bool)
}

// files are what the station keeps on disk. What is not there is an error
// that is fs.ErrNotExist or media.ErrNotFound.
type files interface {
	// Picture is the camera's newest picture as JPEG.
	Picture(ctx context.Context, camera string) ([]byte, error)
	brought
	// Snapshot is a still of a sighting or of a report as JPEG, by its SHA-256
	// in hex.
	Snapshot(sha256 string) ([]byte, error)
	// Clip opens a part of a clip.
	Clip(id, part string) (File, error)
	// Original opens a part as it was before masks were burnt in.
	Original(id, part string) (File, error)
	// Cut makes a clip of a camera's recording.
	Cut(ctx context.Context, camera string, from, to time.Time) (Cut, error)
	// Recorded is where a camera's recordings lie within an interval.
	Recorded(camera string, from, to time.Time) []media.Span
	// Settle returns when what is under a legal hold by now cannot go any more.
	Settle()
	// Track is where a drone was.
	Track(drone string, from, to time.Time) ([]ingest.Telemetry, error)
}

// File is an MP4 that can be read from anywhere. Body is closed by the wall.
type File struct {
	Body io.ReadSeekCloser
	Size int64  // bytes
	ETag string // without quotes; empty: none
}

// Cut is a piece of a recording, and what is to be known of it.
type Cut struct {
	File
	From, To      time.Time // presented
	Gaps          []desk.Interval
	OffsetMS      float64 // how far the camera's clock is ahead of the box's
	UncertaintyMS float64 // of From and To
}

// blindness are the blind intervals that were closed.
type blindness interface {
	// Blind are those that touch the time, by From, camera and kind, once all
	// up to the place is known. camera "": of all cameras.
	Blind(ctx context.Context, place uint64, camera string, from, to time.Time) ([]BlindInterval, error)
}

// exporter makes evidence (package bridge/evidence).
type exporter interface {
	// Export writes a signed bundle of an incident that the room holds. After
	// an error w has a part of one, which proves nothing.
	Export(ctx context.Context, b Bundle, w io.Writer) error
}

// Bundle is what is exported, and on whose word.
type Bundle struct {
	Incident, By, Reason string
	// Unmasked is the approval by which the originals of masked clips go along,
	// and Told the event that says so; nil: nothing unmasked leaves.
	Unmasked *desk.Approval
	Told     *bridge.Event
}

// warnings are the findings that stand; *health.Board.
type warnings interface {
	Warnings(now time.Time) []health.Warning
}

// users are the users file; *access.Users.
type users interface {
	Verify(name, password string) (access.User, error)
	Get(name string) (access.User, error)
	List() ([]access.User, error)
	AddLimited(name, password string, role access.Role, scope access.Scope) error
	Change(name string, c access.Change) error
	EndSessions(name string) error
	// Said tells whether the newest change of a user is in the journal.
	Said(name string, written bool)
}

// setup lets the first administrator in; *access.Setup.
type setup interface {
	Needed() (secret string, err error)
	Make(secret, name, password string) error
}

// sessions are the logins; *access.Sessions.
type sessions interface {
	Create(user access.User, remote string) (token string, made access.Session, err error)
	Exchange(from access.Token, remote string) (token string, made access.Session, err error)
	Check(token string, touch bool) (access.Session, error)
	CheckID(id string, touch bool) (access.Session, error)
	Lock(id string, locked bool) error
	Count() map[string]int
	End(id string) error
}

// tokens are what machines come in with; *access.Tokens.
type tokens interface {
	Check(secret string) (access.Token, error)
	CheckID(id string) (access.Token, error)
	Create(want access.Token) (secret string, made access.Token, err error)
	Revoke(id string) (access.Token, error)
	List() ([]access.Token, error)
	UsedAt(id string) time.Time
}
