package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// validateRouting checks partners and classes, each reference too.
func (c *Config) validateRouting(ps *Problems) {
	partners := map[string]bool{}
	for i := range c.Routing.Partners {
		p := &c.Routing.Partners[i]
		validateID(p.key+".id", p.ID, partners, ps)
		if what := c.partyOf(p.ID); what != "" {
			ps.add(p.key+".id", "%q is the id of a %s; an order for it would be both's", p.ID, what)
		}
		p.validate(c.MQTT.External(), ps)
	}
	classes, kinds, reports := map[string]bool{}, map[string]bool{}, map[string]string{}
	for _, class := range c.Routing.Classes {
		validateID(class.key+".id", class.ID, classes, ps)
		if len(class.Kinds) == 0 {
			ps.add(class.key+".kinds", "is empty; a class has at least one kind")
		}
		for j := range class.Kinds {
			k, key := &class.Kinds[j], fmt.Sprintf("%s.kinds[%d]", class.key, j)
			validateID(key+".id", k.ID, kinds, ps)
			k.validate(key, partners, reports, ps)
		}
	}
}

// partyOf says who else an order for that id would be for.
func (c *Config) partyOf(id string) string {
	switch {
	case slices.ContainsFunc(c.Persons, func(p Person) bool { return p.ID == id || p.User == id }):
		return "person"
	case slices.ContainsFunc(c.Teams, func(t Team) bool { return t.ID == id }):
		return "team"
	case slices.ContainsFunc(c.Pillars, func(p Pillar) bool { return p.ID == id }):
		return "pillar" // both log in to the broker
	}
	return ""
}

func (p *Partner) validate(external bool, ps *Problems) {
	oneOf(p.key+".kind", p.Kind, []string{"none", "webhook", "mqtt"}, ps)
	unused := map[string]string{
		"url": p.URL, "secret_file": p.SecretFile, "topic": p.Topic, "username": p.Username, "password_file": p.PasswordFile,
		"ca_file": p.CAFile, "cert_file": p.CertFile, "key_file": p.KeyFile,
	}
	needless := func(names ...string) {
		for _, name := range names {
			delete(unused, name)
		}
	}
	switch {
	case p.Kind == "webhook":
		address(p.key+".url", p.URL, []string{"http", "https"}, ps)
		if p.SecretFile == "" {
			ps.add(p.key+".secret_file", "is empty; write whsec_ and the base64 of 24 to 64 random bytes into a file: the partner can trust only what is signed")
		}
		needless("url", "secret_file", "ca_file", "cert_file", "key_file")
	case p.Kind == "mqtt" && p.URL != "":
		address(p.key+".url", p.URL, []string{"mqtt", "mqtts"}, ps)
		if p.Topic == "" || strings.ContainsAny(p.Topic, "+#\x00") || strings.HasPrefix(p.Topic, "$") || strings.HasSuffix(p.Topic, "/") {
			ps.add(p.key+".topic", "%q; write a topic without + and #, like lighting/station-a", p.Topic)
		}
		needless("url", "topic", "username", "password_file", "ca_file", "cert_file", "key_file")
	case p.Kind == "mqtt" && external: // at that broker, as partner/{id}
		needlessPassword(p.key, p.PasswordFile, ps)
		needless("password_file")
	case p.Kind == "mqtt":
		if p.PasswordFile == "" {
			ps.add(p.key+".password_file", "is empty; without url the partner logs in to the box's own broker, as %s, with a password", p.ID)
		}
		needless("password_file")
	}
	for name, value := range unused {
		if value != "" {
			ps.add(p.key+"."+name, "%q has no meaning with kind %s%s; remove it", value, p.Kind, map[bool]string{true: " and the box's own broker"}[p.Kind == "mqtt"])
		}
	}
	if (p.CertFile == "") != (p.KeyFile == "") {
		ps.add(p.key+".cert_file", "needs key_file beside it, and the other way round")
	}
	if age := time.Duration(p.MaxBacklog.Age); age < time.Hour || age > 365*24*time.Hour {
		ps.add(p.key+".max_backlog.age", "%s; write 1h to 365d", age)
	}
	between(p.key+".max_backlog.orders", float64(p.MaxBacklog.Orders), 1, 10_000, ps)
}

func (k *RouteKind) validate(key string, partners map[string]bool, reports map[string]string, ps *Problems) {
	if len(k.Partners) == 0 {
		ps.add(key+".partners", "is empty; name to whom it goes")
	}
	between(key+".partners (their number)", float64(len(k.Partners)), 0, 16, ps)
	named(key+".partners", k.Partners, partners, "partners", ps)
	if limit := time.Duration(k.Limit); limit < time.Minute || limit > 366*24*time.Hour {
		ps.add(key+".limit", "%s; write 1m to 366d: by when the partner has to answer", limit)
	}
	for i, report := range k.Reports {
		at := fmt.Sprintf("%s.reports[%d]", key, i)
		if report == "" || len(report) > 128 {
			ps.add(at, "%q; write the kind of a report as it is recorded, 1 to 128 bytes", report)
		}
		if other, taken := reports[report]; taken {
			ps.add(at, "%q proposes kind %s already; keep one", report, other)
		}
		reports[report] = k.ID
	}
}
