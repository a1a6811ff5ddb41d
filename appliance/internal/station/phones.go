package station

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/watchpost-edge/watchpost/appliance/internal/health"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/mqtt"
	"github.com/watchpost-edge/watchpost/ingest/owntracks"
)

// phones are those that people carry on the broker: OwnTracks, one login each.
type phones struct {
	adapter   *owntracks.Adapter
	positions *positions
	passwords map[string]string // by person
}

// newPhones joins the broker to the positions, before it opens.
func (s *Station) newPhones(broker deviceLine) *phones {
	p := &phones{positions: s.positions, passwords: map[string]string{}}
	for _, one := range s.cfg.Persons {
		if one.Password != "" {
			p.passwords[one.ID] = one.Password
		}
	}
	p.adapter = owntracks.New(owntracks.Options{Broker: broker, Fix: func(fix ingest.Fix) { s.heard(fix) }, Logger: s.log})
	return p
}

func (p *phones) known(person string) bool {
	_, known := p.passwords[person]
	return known
}

// account is the broker's login of a pillar, of a partner or of a person's phones.
func (s *Station) account(user string) (mqtt.Account, bool) {
	if c, known := s.pillars.known[user]; known {
		return mqtt.Account{Password: c.Password, Prefix: "pillar/" + user + "/"}, true
	}
	if one, known := s.partnerAccount(user); known {
		return one, true
	}
	password, known := s.phones.passwords[user]
	return mqtt.Account{Password: password, Prefix: owntracks.Prefix(user), OneWay: true}, known
}

func (s *Station) phoneFindings() []health.Finding {
	var list []health.Finding
	for _, person := range s.positions.flooding(time.Now()) {
		list = append(list, health.Finding{Code: "phone_flooding", Subject: person, Text: "set it to a position every 5 seconds or less often; what is too much is left out"})
	}
	return list
}

func (p *phones) collect(g gatherer) {
	st := p.adapter.Stats()
	g.add(prometheus.CounterValue, "phone_messages_ignored_total", "Messages of phones that were no position.", float64(st.Ignored))
	g.add(prometheus.CounterValue, "phone_messages_malformed_total", "Messages of phones that could not be read.", float64(st.Malformed))
	p.positions.mu.Lock()
	defer p.positions.mu.Unlock()
	for _, result := range []string{"", fixUnknown, fixOffDuty, fixFlood, fixOld, fixFailed} {
		name := result
		if name == "" {
			name = "kept"
		}
		g.add(prometheus.CounterValue, "positions_total", "Positions of people by what became of them.", float64(p.positions.counts[result]), "result", name)
	}
}
