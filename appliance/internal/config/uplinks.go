package config

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

var (
	streamPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)
	typePattern   = regexp.MustCompile(`^watchpost(\.[a-z_]+)+$`)
)

// complete fills in what goes by kind: only over MQTT does headquarters answer
// each event by itself; elsewhere the transport's own answer confirms.
func (u *Uplink) complete() {
	if u.Confirm == "" {
		u.Confirm = "transport"
		if u.Kind == "mqtt" {
			u.Confirm = "receipt"
		}
	}
}

func (c *Config) validateUplinks(ps *Problems) {
	names, brokers := map[string]bool{}, map[string]string{}
	for i := range c.Uplinks {
		u, key := &c.Uplinks[i], fmt.Sprintf("uplinks[%d]", i)
		validateID(key+".name", u.Name, names, ps)
		validateLabel(key+".label", u.Label, ps)
		u.validate(key, ps)
		switch u.Kind {
		case "mqtt":
			// Both would be the same client to the broker, and each would
			// throw the other out.
			if other, taken := brokers[u.URL]; taken {
				ps.add(key+".url", "%q is the broker of %q too; a box has one mqtt uplink a broker", u.URL, other)
			}
			brokers[u.URL] = u.Name
		case "nats":
			if strings.Contains(c.Station.ID+c.Station.Box, ".") {
				ps.add(key+".kind", "nats needs station.id and station.box without dots: they are parts of its subjects")
			}
		}
	}
}

func (u *Uplink) validate(key string, ps *Problems) {
	oneOf(key+".kind", u.Kind, []string{"mqtt", "webhook", "nats"}, ps)
	unused := map[string]string{"stream": u.Stream, "secret_file": u.SecretFile}
	confirms := []string{"transport"}
	switch u.Kind {
	case "mqtt":
		address(key+".url", u.URL, []string{"mqtt", "mqtts"}, ps)
		confirms = append(confirms, "receipt")
	case "webhook":
		address(key+".url", u.URL, []string{"http", "https"}, ps)
		if u.SecretFile == "" {
			ps.add(key+".secret_file", "is empty; write whsec_ and the base64 of 24 to 64 random bytes into a file: the receiver can trust only what is signed")
		}
		unused = map[string]string{"stream": u.Stream, "username": u.Username, "password_file": u.PasswordFile}
	case "nats":
		address(key+".url", u.URL, []string{"tls", "nats"}, ps)
		if !streamPattern.MatchString(u.Stream) {
			ps.add(key+".stream", "%q; write the JetStream stream's name: letters, digits, dashes, underscores", u.Stream)
		}
		delete(unused, "stream")
	}
	for name, value := range unused {
		if value != "" {
			ps.add(key+"."+name, "%q has no meaning with kind %s; remove it", value, u.Kind)
		}
	}
	oneOf(key+".confirm", u.Confirm, confirms, ps)
	lasting(key+".receipt_within", u.ReceiptWithin, time.Second, time.Hour, ps)
	if u.MaxBacklog.Age != 0 { // 0: for ever
		lasting(key+".max_backlog.age", u.MaxBacklog.Age, time.Hour, 3650*24*time.Hour, ps)
	}
	if size := u.MaxBacklog.Size; size != 0 && size < Size(1<<20) {
		ps.add(key+".max_backlog.size", "%d bytes is below 1MiB; write how much of an outage's alarms must be kept, or 0 for all", size)
	}
	for j, lane := range u.Lanes {
		oneOf(fmt.Sprintf("%s.lanes[%d]", key, j), lane, []string{"alarm", "notice", "clip"}, ps)
	}
	if (u.CertFile == "") != (u.KeyFile == "") {
		ps.add(key+".cert_file", "needs key_file beside it, and the other way round")
	}
	for j, kind := range u.Filter.Types {
		if !typePattern.MatchString(kind) {
			ps.add(fmt.Sprintf("%s.filter.types[%d]", key, j), "%q; write an event's type, like watchpost.alert.raised", kind)
		}
	}
	for j, p := range u.Filter.Priorities {
		oneOf(fmt.Sprintf("%s.filter.priorities[%d]", key, j), p, []string{"P0", "P1", "P2", "P3"}, ps)
	}
}
