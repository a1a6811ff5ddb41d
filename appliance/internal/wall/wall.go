package wall

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall/whep"
	"github.com/watchpost-edge/watchpost/bridge"
)

// Limits of the HTTP server.
const (
	bodyMaxBytes   = 256 << 10
	headerMaxBytes = 16 << 10
	idleWithin     = 2 * time.Minute // between requests of a connection
	connectionsMax = 1024
	handleWithin   = 10 * time.Second // an answer of the desk
)

// Limits holds times that tests make short; DefaultLimits is for all others.
type Limits struct {
	Read  time.Duration // a whole request
	Write time.Duration // one write: a client that does not read is cut
	Still time.Duration // how often a stream asks whether its login stands
}

// DefaultLimits are in force when Options.Limits is zero.
func DefaultLimits() Limits {
	return Limits{Read: 10 * time.Second, Write: 10 * time.Second, Still: time.Second}
}

// Options of a Server. All parts are needed.
type Options struct {
	Listen        string        // plain: host:port; port 0: any
	Insecure      bool          // serve others than loopback without TLS
	TLSListen     string        // empty: none
	TLS           *tls.Config   // needed with TLSListen
	PublicURL     string        // by which browsers reach the box; empty: by the name they used
	CA            []byte        // PEM: who trusts it trusts the box; empty: none is to be had
	AnonymousWall bool          // role wall, GET only, without a login
	IdleLock      time.Duration // a desk locks when nobody touched it for so long; 0: never
	UDP, TCP      int           // WebRTC ports; 0: any
	StaleAfter    time.Duration // an older position is not where somebody is
	Station       Station
	Version       string
	Limits        Limits

	Desk     decider
	Journal  journal
	Devices  devices
	Receipts deliveries
	Downlink downlink
	Video    video
	Files    files
	Partners func() []Partner // how their lines stand; nil: there are none
	Forces   forces
	Blind    blindness
	Review   reviewer
	Sheets   sheets
	Evidence exporter
	Warnings warnings
	Users    users
	Sessions sessions
	Tokens   tokens
	Setup    setup
	Acts     map[string]Act // what needs two leads, besides ActUnmask
	// Ready says why the box does not take presses yet; nil when it does.
	Ready func() error
	// Access records logins, refusals and looks. It returns when that is done.
	Access func(desk.AccessIn)

	Registry *prometheus.Registry
	Log      *slog.Logger
}

// Server is the wall.
type Server struct {
	o       Options
	table   *access.Table
	limiter *access.Limiter
	looks   *looks
	live    *whep.Server
	m       *metrics
	app     *fiber.App
	plain   *cutting
	secure  *cutting // nil: none
	started time.Time

	ctx     context.Context // ends with Run: streams end with it
	cancel  context.CancelFunc
	streams sync.WaitGroup
	open    chan struct{} // a slot for each event stream
	exports chan struct{} // and for each bundle of evidence
	state   *stateBoard
	large   large
	drawing chan struct{} // a slot for the picture that is drawn
	changes sync.Mutex    // of users and tokens (once.go)
}

// New makes a server that does nothing until Open.
func New(o Options) (*Server, error) {
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits()
	}
	s := &Server{
		o: o, table: access.DefaultTable(), limiter: access.NewLimiter(nil), looks: newLooks(o.Access),
		live:    whep.New(whep.Options{UDP: o.UDP, TCP: o.TCP, Source: o.Video, Log: o.Log, Revalidate: o.Limits.Still}),
		started: time.Now(), open: make(chan struct{}, streamsMax), exports: make(chan struct{}, exportsMax), state: newStateBoard(), drawing: make(chan struct{}, 1),
	}
	s.o.Acts = maps.Clone(o.Acts)
	if s.o.Acts == nil {
		s.o.Acts = make(map[string]Act)
	}
	s.o.Acts[ActUnmask] = s.unmaskAct()
	var err error
	if s.m, err = newMetrics(o.Registry, s.live); err != nil {
		return nil, fmt.Errorf("register wall metrics: %w", err)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.app = s.newApp()
	return s, nil
}

func (s *Server) newApp() *fiber.App {
	app := fiber.New(fiber.Config{
		AppName:               "watchpost",
		DisableStartupMessage: true,
		Immutable:             true, // strings of a request outlive it: ids, names
		StrictRouting:         true,
		CaseSensitive:         true,
		UnescapePath:          true,
		BodyLimit:             bodyMaxBytes,
		ReadBufferSize:        headerMaxBytes,
		ReadTimeout:           s.o.Limits.Read,
		IdleTimeout:           idleWithin,
		Concurrency:           connectionsMax,
		ErrorHandler:          s.fail,
	})
	app.Server().HeaderReceived = s.admit
	app.Use(s.measure, s.release, s.protect, s.unpacked)
	s.routes(app)
	return app
}

// Open takes the ports: of the wall and of live video.
func (s *Server) Open() (err error) {
	if s.plain, err = s.listen("http.listen", s.o.Listen); err != nil {
		return err
	}
	if s.o.TLSListen != "" {
		if s.secure, err = s.listen("http.tls.listen", s.o.TLSListen); err != nil {
			return errors.Join(err, s.plain.Close())
		}
	}
	if err := s.live.Open(); err != nil {
		for _, ln := range s.listeners() {
			err = errors.Join(err, ln.Close())
		}
		return err
	}
	return nil
}

// listeners are the open ones.
func (s *Server) listeners() []*cutting {
	if s.secure == nil {
		return []*cutting{s.plain}
	}
	return []*cutting{s.plain, s.secure}
}

// serve serves both listeners until they are closed. TLS stands on top of the
// bound connections, so that a client that takes nothing is cut there too.
func (s *Server) serve() error {
	s.app.Handler() // makes the routes ready
	if s.secure == nil {
		return s.app.Server().Serve(s.plain)
	}
	ended := make(chan error, 2)
	go func() { ended <- s.app.Server().Serve(s.plain) }()
	go func() { ended <- s.app.Server().Serve(tls.NewListener(s.secure, s.o.TLS)) }()
	err := <-ended
	if s.ctx.Err() == nil { // no shutdown: one without the other is no wall, the box ends and comes again
		for _, ln := range s.listeners() {
			_ = ln.Close()
		}
	}
	return errors.Join(err, <-ended)
}

// Addr is where the wall listens without TLS; after Open.
func (s *Server) Addr() net.Addr { return s.plain.Addr() }

// TLSAddr is where it listens with TLS; nil when it does not; after Open.
func (s *Server) TLSAddr() net.Addr {
	if s.secure == nil {
		return nil
	}
	return s.secure.Addr()
}

// Route is one method of one path, as registered.
type Route struct{ Method, Path string }

// Routes lists what is served; HEAD goes with GET.
func (s *Server) Routes() []Route {
	var all []Route
	for _, r := range s.app.GetRoutes(true) {
		if r.Method != fiber.MethodHead {
			all = append(all, Route{Method: r.Method, Path: r.Path})
		}
	}
	return all
}

// WebRTCPorts are the ports of live video; after Open.
func (s *Server) WebRTCPorts() (udp, tcp int) { return s.live.Ports() }

func (s *Server) sweepLooks(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.looks.sweep(lookFolded)
		}
	}
}

// asOf writes a place as clients give it back: {epoch}.{place}.
func (s *Server) asOf(place uint64) string {
	return s.o.Journal.Epoch() + "." + strconv.FormatUint(place, 10)
}

// parsePlace reads what asOf wrote; another epoch is gone.
func (s *Server) parsePlace(field, text string) (uint64, error) {
	epoch, number, ok := strings.Cut(text, ".")
	place, err := strconv.ParseUint(number, 10, 64)
	if !ok || err != nil {
		return 0, badField(fiber.StatusBadRequest, "place_invalid", field, text, "{epoch}.{place} as in the header As-Of")
	}
	if epoch != s.o.Journal.Epoch() {
		return 0, desk.ErrGone
	}
	return place, nil
}

// answer writes a body that is true as of a place.
func (s *Server) answer(c *fiber.Ctx, status int, place uint64, body any) error {
	c.Set("As-Of", s.asOf(place))
	return c.Status(status).JSON(body)
}

// within bounds what a request asks of the desk.
func (s *Server) within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(s.ctx, handleWithin)
}

// view looks at the desk's state.
func (s *Server) view(show func(*desk.State)) (uint64, error) {
	ctx, cancel := s.within()
	defer cancel()
	return s.o.Desk.View(ctx, show)
}

func now() bridge.Stamp { return bridge.At(time.Now()) }
