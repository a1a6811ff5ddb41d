package station

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/health"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/mqtt"
)

// deviceLine is where pillars and phones are heard and told: the box's own
// broker, or a client at an external one.
type deviceLine interface {
	Handle(pattern string, h mqtt.Handler)
	Publish(topic string, payload []byte, qos byte, retain bool) error
	Run(ctx context.Context) error
}

// outside is the box at an external broker: a persistent session, so that what
// came while the box was away waits there.
type outside struct {
	*mqtt.Client
	url string
	log *slog.Logger
}

func newOutside(c *config.Config, log *slog.Logger) *outside {
	m := c.MQTT
	o := &outside{url: m.Broker, log: log.With("broker", m.Broker)}
	o.Client = mqtt.NewClient(mqtt.ClientOptions{
		// No partner's session is called so: between box and topic stands a dash.
		URL: m.Broker, ClientID: "watchpost-" + c.Station.ID + "-" + c.Station.Box + ":devices", Username: m.Username, Logger: log,
		Password: func() (string, error) {
			if m.PasswordFile == "" {
				return "", nil
			}
			text, err := os.ReadFile(m.PasswordFile)
			if err != nil {
				return "", fmt.Errorf("mqtt.password_file: %w", err)
			}
			return strings.TrimRight(string(text), "\r\n"), nil
		},
		TLS: func() (*tls.Config, error) {
			secure, err := bridge.TLSFiles{CA: m.CAFile, Cert: m.CertFile, Key: m.KeyFile}.Config()
			if err != nil {
				return nil, fmt.Errorf("mqtt.ca_file, cert_file, key_file: %w", err)
			}
			return secure, nil
		},
	})
	return o
}

// Run stays connected until ctx ends. A broker that refused the box is asked
// again like one that is away: its password may have been set right.
func (o *outside) Run(ctx context.Context) error {
	ingest.Keep(ctx, o.log, ingest.Pace{First: 100 * time.Millisecond, Max: 2 * time.Second, Steady: 10 * time.Second}, o.Client.Run)
	return nil
}

// line is the broker, whosever it is.
func (p *pillars) line() deviceLine {
	if p.outside != nil {
		return p.outside
	}
	return p.broker
}

// open lets the devices in, where they come to us.
func (p *pillars) open() error {
	if p.outside != nil {
		return nil
	}
	return p.broker.Open()
}

// addresses are where the box's own broker listens; empty without it.
func (p *pillars) addresses() (plain, secure string) {
	if p.outside != nil {
		return "", ""
	}
	return p.broker.Addr(), p.broker.TLSAddr()
}

// refusals are of the box's own broker: another's does not tell.
func (p *pillars) refusals() []mqtt.Refusal {
	if p.outside != nil {
		return nil
	}
	return p.broker.Refusals()
}

// twinFindings name pillars whose id two devices use.
func (p *pillars) twinFindings() []health.Finding {
	if p.outside != nil {
		return nil
	}
	var list []health.Finding
	seen := map[string]bool{}
	for _, r := range p.broker.Twins() {
		if time.Since(r.Last) < refusedShown && !seen[r.User] {
			seen[r.User] = true
			why := r.Remote + " is " + r.Why
			list = append(list, health.Finding{Code: "pillar_twice", Subject: r.User, Text: why, Params: said("why", why)})
		}
	}
	return list
}

func brokerCodes() []health.Code {
	return []health.Code{
		{ID: "broker_away", Title: "the broker of the pillars is not reached: no press comes in", Severity: health.Critical, After: 5 * time.Second},
		{ID: "broker_refused", Title: "the broker of the pillars refuses the box: no press comes in", Severity: health.Critical},
	}
}

// brokerFindings say when nothing comes in from an external broker.
func (s *Station) brokerFindings() []health.Finding {
	o := s.pillars.outside
	if o == nil {
		return nil
	}
	connected, since, why := o.Status()
	switch {
	case connected:
		return nil
	case errors.Is(why, mqtt.ErrRefused):
		text := fmt.Sprintf("%v: check mqtt.username and mqtt.password_file, and the broker's access list", why)
		return []health.Finding{{Code: "broker_refused", Text: text, Params: said("broker", o.url, "why", why)}}
	}
	if why == nil {
		why = errors.New("it was not tried yet")
	}
	text := fmt.Sprintf("since %s: %v; what pillars press waits there or in them: check that %s runs and can be reached", since.In(s.cfg.Location()).Format(time.TimeOnly), why, o.url)
	return []health.Finding{{Code: "broker_away", Text: text, Params: said("broker", o.url, "why", why, "at", bridge.At(since))}}
}

func (p *pillars) collect(g gatherer) {
	if p.outside != nil {
		up := 0.0
		if p.outside.Connected() {
			up = 1
		}
		st := p.outside.Stats()
		g.add(prometheus.GaugeValue, "broker_connected", "1: the box is at the external broker.", up)
		g.add(prometheus.CounterValue, "broker_messages_total", "Messages of the external broker that were taken.", float64(st.Messages))
		g.add(prometheus.CounterValue, "broker_rejected_total", "Messages that were not taken, and come again.", float64(st.Rejected))
		return
	}
	b := p.broker.Stats()
	g.add(prometheus.GaugeValue, "broker_clients", "Connected pillars and phones.", float64(b.Clients))
	g.add(prometheus.CounterValue, "broker_refused_total", "Connections and topics refused.", float64(b.Refused))
	g.add(prometheus.CounterValue, "broker_dropped_total", "Messages to a client that did not take them.", float64(b.Dropped))
}
