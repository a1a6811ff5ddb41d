// Package station is the whole box: it opens the parts in the order in which
// they depend on each other, wires and adapts them, runs them and stops them
// in the direction in which data flows.
//
// It owns no decision about alerts or incidents (package desk) and nothing
// about wires (ingest, bridge): what stands here is the joint between two
// packages that must not know each other. It fails fast at Open, with a
// message that names the path or the port; once it runs, only the loss of the
// journal, the broker or the wall ends it.
package station

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/health"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/appliance/internal/partner"
	"github.com/watchpost-edge/watchpost/appliance/internal/review"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/evidence"
	"github.com/watchpost-edge/watchpost/bridge/journal"
	"github.com/watchpost-edge/watchpost/bridge/upload"
	"github.com/watchpost-edge/watchpost/vision"
	"github.com/watchpost-edge/watchpost/vision/render"
)

// Leaves are the parts that need cgo. main makes them, so that everything else
// builds and tests without a C library.
type Leaves struct {
	Decoder func() vision.Decoder
	Keys    *vision.Keys   // shared by quiet cameras; nil: none is shared
	Budget  *vision.Budget // of decoding, for all cameras; nil: all there is
	Motion  func(masks [][]vision.Point) vision.MotionDetector
	Objects vision.ObjectDetector // nil: none could be had
	Stills  vision.Snapshotter
	// Encoder makes the renditions of cameras with masks; nil: none can be made.
	Encoder  func(width, height int, fps float64) (render.Encoder, error)
	Detector Detector
}

// Detector is which object detector was chosen.
type Detector struct {
	Backend string
	Why     string // why not a better one; empty when it is the best
}

// Options of a station.
type Options struct {
	Config  *config.Config
	Version string
	Log     *slog.Logger
	Leaves  Leaves
}

// Station is one box.
type Station struct {
	cfg     *config.Config
	version string
	log     *slog.Logger
	leaves  Leaves

	journal    *journal.Journal
	desk       *desk.Desk
	store      *media.Store
	cutter     *clip.Cutter
	pillars    *pillars
	forwarder  *bridge.Forwarder
	older      olderEpochs
	receipts   *receipts
	deferred   *deferred
	refusals   refusals
	signer     *evidence.Signer
	uploader   *uploader // nil: clips are not sent
	certs      certificates
	sessions   *access.Sessions
	setup      *access.Setup
	told       *access.Told
	wall       *wall.Server
	board      *health.Board
	registry   *prometheus.Registry
	cameras    map[string]*camera
	forecasts  forecasts
	positions  *positions
	phones     *phones
	couriers   map[string]*partner.Courier // by partner with a line
	sheets     *sheets
	blindness  *blindness
	blindLog   *blindLog
	review     *review.Book
	drones     []*uav
	evicted    *evictions
	drills     *drills
	running    atomic.Bool
	counts     counts
	renditions atomic.Int64 // for browsers, now
}

// counts are what the joints themselves lose or refuse.
type counts struct {
	sightingsLost, downRefused, clipsEmpty, evictionsUntold, givenUp, picturesGone atomic.Uint64
}

// New makes a station. It does no I/O.
func New(o Options) *Station {
	return &Station{
		cfg: o.Config, version: o.Version, log: o.Log, leaves: o.Leaves,
		board: health.NewBoard(slices.Concat(codes(), gateCodes(), faultCodes(), maskCodes(), drillCodes(), partnerCodes(), brokerCodes(), handoverCodes())...), registry: prometheus.NewRegistry(),
		cameras: map[string]*camera{}, evicted: newEvictions(),
	}
}

// Open opens journal, desk, files, broker and wall, and makes the rest. After
// an error everything is closed again.
func (s *Station) Open(ctx context.Context) (err error) {
	if err := os.MkdirAll(s.cfg.Data.Dir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	if s.signer, err = evidence.OpenSigner(s.cfg.Data.Dir); err != nil {
		return err
	}
	s.journal, err = journal.Open(journal.Options{
		Dir: s.cfg.Data.Journal.Dir, Source: source(s.cfg), Logger: s.log,
		Reserve: int64(s.cfg.Data.Journal.Reserve), SetAside: true, Sign: s.sign,
		Fatal: func(err error) {
			s.log.Error("the journal cannot be written: the process ends, nothing acknowledged is lost", "err", err)
			os.Exit(2)
		},
	})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.journal.Close())
		}
	}()
	if s.desk, err = desk.New(deskSetup(s.cfg), s.journal, desk.SystemClock(), s.log, rand.Reader); err != nil {
		return err
	}
	if err := s.desk.Open(ctx); err != nil {
		return fmt.Errorf("open desk: %w", err)
	}
	for _, open := range []func() error{s.openCertificates, s.openFiles, s.makeDevices, s.makePartners, s.makeBridge, s.openWall} {
		if err := open(); err != nil {
			return err
		}
	}
	if err := s.blindness.open(ctx); err != nil {
		return err
	}
	if _, err := s.receipts.refresh(ctx); err != nil {
		return err
	}
	s.board.Watch(s.journalFindings)
	s.board.Watch(s.certificateFindings)
	s.board.Watch(s.cameraFindings)
	s.board.Watch(s.storageFindings)
	s.board.Watch(s.sheets.findings)
	s.board.Watch(s.detectorFindings)
	s.board.Watch(s.pillarFindings)
	s.board.Watch(s.brokerFindings)
	s.board.Watch(s.droneFindings)
	s.board.Watch(s.phoneFindings)
	s.board.Watch(s.uplinkFindings)
	s.board.Watch(s.drills.findings)
	s.board.Watch(s.partnerFindings)
	s.board.Watch(s.handoverFindings)
	if err := s.registry.Register(&collector{s}); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	if err := s.recordStart(ctx); err != nil {
		return err
	}
	// The broker is last: from here on presses come in.
	return s.pillars.open()
}

func (s *Station) openFiles() error {
	budget := func(r config.Retention) media.Budget {
		return media.Budget{Bytes: int64(r.Budget), Age: time.Duration(r.MaxAge)}
	}
	s.sheets = &sheets{station: s}
	s.blindness = s.newBlindness(desk.SystemClock())
	s.store = media.New(media.Options{
		Dir: s.cfg.Data.Dir, Log: s.log, Evicted: s.noteEvictions, Recorded: s.blindness.recorded, Held: s.held,
		MinFree: int64(s.cfg.Data.MinFree),
		Budgets: map[media.Class]media.Budget{
			media.Recordings: budget(s.cfg.Data.Recordings), media.Clips: budget(s.cfg.Data.Clips), media.Snapshots: budget(s.cfg.Data.Snapshots),
			media.Pictures:  budget(s.cfg.Data.Pictures),
			media.Telemetry: budget(s.cfg.Data.Telemetry), media.Positions: budget(s.cfg.Data.Positions),
		},
	})
	if err := s.store.Open(); err != nil {
		return err
	}
	s.blindLog = newBlindLog(s.journal, s.cfg.Data.Dir, s.log)
	if err := s.blindLog.open(); err != nil {
		return err
	}
	if err := s.openReview(); err != nil {
		return err
	}
	s.cutter = clip.New(clip.Options{
		Store: s.store, Log: s.log, Ready: s.clipReady, Empty: s.clipEmpty, Clock: s.clockOf, Trouble: s.recordingTrouble,
	})
	return s.cutter.Open()
}

func (s *Station) makeDevices() error {
	s.positions = s.newPositions()
	s.pillars = s.newPillars()
	s.phones = s.newPhones(s.pillars.line())
	for _, cfg := range s.cfg.Cameras {
		c, err := s.newCamera(cfg)
		if err != nil {
			return err
		}
		s.cameras[cfg.ID] = c
	}
	for _, cfg := range s.cfg.Drones {
		d := s.newDrone(cfg)
		if err := d.source.Open(); err != nil {
			return err
		}
		s.drones = append(s.drones, d)
	}
	return nil
}

func (s *Station) makeBridge() error {
	s.deferred = &deferred{handle: s.desk.Handle, log: s.log}
	o := bridge.Options{Journal: s.journal, Version: s.version, Logger: s.log, Down: s.down, SetAside: s.setAside, Older: s.openOlder,
		Dir: filepath.Join(s.cfg.Data.Dir, "uplinks"), Withheld: func(uplink, id string) bool { return s.receipts.withheld(uplink, id) }}
	for _, u := range s.cfg.Uplinks {
		up, err := s.makeUplink(u)
		if err != nil {
			return fmt.Errorf("make uplink %s: %w", u.Name, err)
		}
		c := bridge.UplinkConfig{
			Name: u.Name, Uplink: up, Confirm: bridge.Confirm(u.Confirm), ReceiptWithin: time.Duration(u.ReceiptWithin), Drills: u.Drills,
			Types: u.Filter.Types, Priorities: u.Filter.Priorities,
		}
		for _, lane := range u.Lanes {
			c.Lanes = append(c.Lanes, bridge.Lane(lane))
		}
		o.Uplinks = append(o.Uplinks, c)
	}
	var err error
	if s.forwarder, err = bridge.NewForwarder(o); err != nil {
		return err
	}
	s.receipts = s.newReceipts()
	s.drills = newDrills(s)
	if s.cfg.Upload.URL != "" {
		s.uploader = &uploader{station: s, refused: map[string]string{}, client: upload.New(upload.Options{
			URL: s.cfg.Upload.URL, Dir: filepath.Join(s.cfg.Data.Dir, "uploads"), Rate: int64(s.cfg.Upload.RateLimit),
		})}
	}
	return nil
}

// ready says why the box does not take presses yet; nil when it does.
func (s *Station) ready() error {
	if !s.running.Load() {
		return errors.New("starting")
	}
	return nil
}

// access records who logged in, was refused, looked.
func (s *Station) access(in desk.AccessIn) {
	ctx, cancel := context.WithTimeout(context.Background(), accessWithin)
	defer cancel()
	if _, err := s.desk.Handle(ctx, in); err != nil {
		s.log.Error("access not recorded", "kind", in.Kind, "by", in.By.Name, "err", err)
	}
}

const accessWithin = 10 * time.Second

// Run runs the box until ctx ends, and closes the journal.
func (s *Station) Run(ctx context.Context) error {
	stages := []stage{
		{"desk", s.desk.Run},
		{"files", s.store.Run},
		{"evictions", s.tellEvictions},
		{"forecast of storage", s.watchStorage},
		{"pictures", s.settlePictures},
		{"blind log", s.blindLog.run},
		{"review", s.review.Run},
		{"blind intervals", s.blindness.run},
		{"roster", s.positions.run},
		{"sessions", s.sessions.Run},
		{"watch of users", s.tellUsers},
		{"certificate of the wall", s.certs.http.Run},
		{"certificate of the broker", s.certs.mqtt.Run},
		{"broker", s.pillars.line().Run},
		{"wall", s.wall.Run},
		{"forwarder", s.forwarder.Run},
		{"watch of uplinks", s.watchUplinks},
		{"watch of receipts", s.receipts.watch},
		{"drills", s.drills.run},
	}
	stages = append(stages, s.partnerStages()...)
	if s.uploader != nil {
		stages = append(stages, stage{"uploads", s.uploader.run})
	}
	stages = append(stages,
		stage{"clips", s.cutter.Run},
		stage{"clip wishes", func(ctx context.Context) error { return s.follow(ctx, "clips", s.wantClips) }},
		stage{"retention", func(ctx context.Context) error { return s.follow(ctx, worker, s.carryOut) }},
		stage{"watch of the journal", s.retain},
		stage{"pillar lights", func(ctx context.Context) error { return s.follow(ctx, "lights", s.pillars.light) }},
		stage{"pillars", func(ctx context.Context) error { return s.pillars.run(ctx, s) }},
	)
	for _, cfg := range s.cfg.Cameras {
		c := s.cameras[cfg.ID]
		stages = append(stages,
			stage{"watch of camera " + cfg.ID, c.watch},
			stage{"hold of camera " + cfg.ID, c.hold},
			stage{"picture health of camera " + cfg.ID, c.tellFaults},
			stage{"analysis of camera " + cfg.ID, c.analyze},
			stage{"camera " + cfg.ID, c.pull},
		)
		stages = append(stages, stage{"rendition for browsers of camera " + cfg.ID, c.renderPlain})
		if c.masked != nil {
			stages = append(stages, stage{"hold of masked camera " + cfg.ID, c.holdMasked}, stage{"sound of masked camera " + cfg.ID, c.joinSound}, stage{"rendition of camera " + cfg.ID, c.render})
		}
		if c.small != nil {
			stages = append(stages, stage{"sub stream of camera " + cfg.ID, c.pullSub})
		}
	}
	for _, d := range s.drones {
		stages = append(stages, stage{"watch of drone " + d.cfg.ID, d.watch}, stage{"drone " + d.cfg.ID, d.listen})
	}
	stages = append(stages, stage{"clocks of devices", s.newClocks().run}, stage{"addresses", s.announce})
	err := runStages(ctx, s.log, stages, os.Exit)
	return errors.Join(err, s.journal.Close())
}

// announce says that the box is ready, and takes that back at the end.
func (s *Station) announce(ctx context.Context) error {
	udp, tcp := s.wall.WebRTCPorts()
	plain, secure := s.pillars.addresses()
	a := addresses{
		HTTP: s.wall.Addr().String(), HTTPS: addressOf(s.wall.TLSAddr()), MQTT: plain, MQTTS: secure, WebRTC: map[string]int{"udp": udp, "tcp": tcp},
		Drones: map[string]string{}, PID: os.Getpid(),
	}
	for _, d := range s.drones {
		a.Drones[d.cfg.ID] = d.source.Addr()
	}
	s.running.Store(true)
	if err := a.write(s.cfg.Data.Dir); err != nil {
		return err
	}
	s.log.Info("ready", "http", a.HTTP, "https", a.HTTPS, "mqtt", a.MQTT, "mqtts", a.MQTTS, "cameras", len(s.cameras), "pillars", len(s.cfg.Pillars), "journal", s.journal.Last())
	if err := s.inviteFirst(); err != nil {
		return err
	}
	<-ctx.Done()
	s.running.Store(false)
	return nil
}
