package station

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/health"
	"github.com/watchpost-edge/watchpost/appliance/internal/partner"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
	"github.com/watchpost-edge/watchpost/bridge"
	mqttuplink "github.com/watchpost-edge/watchpost/bridge/uplink/mqtt"
	webhookuplink "github.com/watchpost-edge/watchpost/bridge/uplink/webhook"
	"github.com/watchpost-edge/watchpost/ingest/mqtt"
)

// routing is the partners and classes for the desk.
func routing(c *config.Config, s *desk.Setup) {
	for _, p := range c.Routing.Partners {
		one := desk.Partner{ID: p.ID, Name: p.Name, Pictures: p.Pictures, Backlog: p.MaxBacklog.Orders}
		if p.Kind != "none" {
			one.Line = p.Kind
		}
		s.Partners = append(s.Partners, one)
	}
	for _, class := range c.Routing.Classes {
		one := desk.RouteClass{ID: class.ID, Name: class.Name}
		for _, k := range class.Kinds {
			one.Kinds = append(one.Kinds, desk.RouteKind{ID: k.ID, Name: k.Name, Reports: k.Reports, Partners: k.Partners, Limit: time.Duration(k.Limit)})
		}
		s.Classes = append(s.Classes, one)
	}
}

// pulsePartner is the silence after which a partner's webhook is asked whether
// it is still there.
const pulsePartner = 2 * time.Minute

// makePartners makes a courier for every partner that has a line, before the
// broker opens.
func (s *Station) makePartners() error {
	s.couriers = map[string]*partner.Courier{}
	for _, p := range s.cfg.Routing.Partners {
		if p.Kind == "none" {
			continue
		}
		line, err := s.partnerLine(p)
		if err != nil {
			return fmt.Errorf("make line to partner %s: %w", p.ID, err)
		}
		s.couriers[p.ID] = partner.New(partner.Options{
			Partner: p.ID, Line: line, Desk: s.desk, Age: time.Duration(p.MaxBacklog.Age), Picture: s.store.Snapshot, Hopeless: hopeless,
			Sender: partner.Sender{Source: source(s.cfg), Station: s.cfg.Station.Name}, Log: s.log.With("partner", p.ID),
		})
	}
	if s.pillars.outside != nil {
		return nil // each partner there has a session of its own
	}
	s.pillars.broker.Handle(partner.Topic("+", "reply"), func(ctx context.Context, user, _ string, payload []byte) error {
		if courier := s.couriers[user]; courier != nil { // the broker lets nobody publish on another's topic
			return courier.Reply(ctx, payload)
		}
		return nil
	})
	return nil
}

func (s *Station) partnerLine(p config.Partner) (bridge.Uplink, error) {
	log := s.log.With("partner", p.ID)
	switch {
	case p.Kind == "webhook":
		return webhookuplink.New(webhookuplink.Options{
			URL: p.URL, SecretFile: p.SecretFile, CAFile: p.CAFile, CertFile: p.CertFile, KeyFile: p.KeyFile, PulseEvery: pulsePartner, Logger: log,
		})
	case p.Kind == "mqtt" && p.URL != "":
		return mqttuplink.New(mqttuplink.Options{
			URL: p.URL, Station: s.cfg.Station.ID, Box: s.cfg.Station.Box, Topic: p.Topic, Username: p.Username, PasswordFile: p.PasswordFile,
			CAFile: p.CAFile, CertFile: p.CertFile, KeyFile: p.KeyFile, Logger: log,
		})
	case p.Kind == "mqtt" && s.pillars.outside != nil:
		m := s.cfg.MQTT
		return mqttuplink.New(mqttuplink.Options{
			URL: m.Broker, Station: s.cfg.Station.ID, Box: s.cfg.Station.Box, Topic: strings.TrimSuffix(partner.Topic(p.ID, ""), "/"), Username: m.Username,
			PasswordFile: m.PasswordFile, CAFile: m.CAFile, CertFile: m.CertFile, KeyFile: m.KeyFile, Logger: log,
		})
	case p.Kind == "mqtt":
		return partner.BrokerLine{Broker: s.pillars.broker, Partner: p.ID}, nil
	}
	return nil, fmt.Errorf("kind %q is not built in this version", p.Kind)
}

// partnerAccount is the broker's login of a partner.
func (s *Station) partnerAccount(user string) (mqtt.Account, bool) {
	for _, p := range s.cfg.Routing.Partners {
		if p.ID == user && p.Kind == "mqtt" && p.URL == "" {
			return mqtt.Account{Password: p.Password, Prefix: "partner/" + user + "/", Tells: partner.Topic(user, "reply")}, true
		}
	}
	return mqtt.Account{}, false
}

// partnerStages are the couriers, each on its own: one partner's outage is
// nobody else's.
func (s *Station) partnerStages() []stage {
	var stages []stage
	for _, p := range s.cfg.Routing.Partners {
		if courier := s.couriers[p.ID]; courier != nil {
			stages = append(stages, stage{"courier to partner " + p.ID, courier.Run})
		}
	}
	return stages
}

// unsent is how many orders wait for a partner's line, and since when.
type unsent struct {
	orders int
	since  bridge.Stamp
}

// waiting asks the desk once for all partners: each question waits for the
// disk, and health is asked several times a second.
func (s *Station) waiting() map[string]unsent {
	if len(s.couriers) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), findWithin)
	defer cancel()
	all := map[string]unsent{}
	if _, err := s.desk.View(ctx, func(state *desk.State) {
		for id := range s.couriers {
			if _, news, n := state.News(id); n > 0 {
				all[id] = unsent{n, news.At}
			}
		}
	}); err != nil {
		return nil // the desk's own stage says why
	}
	return all
}

const findWithin = 2 * time.Second

// partnerWarnAfter is how long an order may wait for a line before that is
// worth a word: a line that comes back within it is none.
const partnerWarnAfter = time.Minute

func partnerCodes() []health.Code {
	return []health.Code{
		{ID: "partner_waiting", Title: "work orders do not reach a partner: call it", Severity: health.Bad},
		{ID: "partner_reply_refused", Title: "a partner sends replies that nobody can take", Severity: health.Info},
	}
}

func (s *Station) partnerFindings() []health.Finding {
	var list []health.Finding
	waits := s.waiting()
	for _, p := range s.cfg.Routing.Partners {
		courier := s.couriers[p.ID]
		if courier == nil {
			continue
		}
		st := courier.Status()
		if n, since := waits[p.ID].orders, waits[p.ID].since; n > 0 && time.Since(since.Time) > partnerWarnAfter {
			text := fmt.Sprintf("%d orders wait for %s since %s: %s; call them", n, p.Name, since, st.Why)
			list = append(list, health.Finding{Code: "partner_waiting", Subject: p.ID, Text: text, Params: said("orders", n, "name", p.Name, "since", since, "why", st.Why)})
		}
		if st.Refused > 0 {
			text := fmt.Sprintf("%d replies of %s since the start, the last: %s", st.Refused, p.Name, st.RefusedOf)
			list = append(list, health.Finding{Code: "partner_reply_refused", Subject: p.ID, Text: text, Params: said("replies", st.Refused, "name", p.Name, "why", st.RefusedOf)})
		}
	}
	return list
}

func (s *Station) collectPartners(g gatherer) {
	waits := s.waiting()
	for id, courier := range s.couriers {
		st := courier.Status()
		up := 0.0
		if st.Connected {
			up = 1
		}
		g.add(prometheus.GaugeValue, "partner_connected", "1: the line to the partner stands.", up, "partner", id)
		g.add(prometheus.GaugeValue, "partner_orders_waiting", "Orders of which the partner has not got all.", float64(waits[id].orders), "partner", id)
		g.add(prometheus.CounterValue, "partner_messages_sent_total", "Messages that the partner's line took.", float64(st.Sent), "partner", id)
		g.add(prometheus.CounterValue, "partner_replies_refused_total", "Replies that nobody could take.", float64(st.Refused), "partner", id)
	}
}

// partnerLines are the partners and how their lines stand, for the wall.
func (s *Station) partnerLines() []wall.Partner {
	list := make([]wall.Partner, 0, len(s.cfg.Routing.Partners))
	for _, p := range s.cfg.Routing.Partners {
		one := wall.Partner{ID: p.ID, Name: p.Name, Kind: p.Kind, Contact: p.Contact}
		if courier := s.couriers[p.ID]; courier != nil {
			one.Status = courier.Status()
		}
		list = append(list, one)
	}
	return list
}
