package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Routing says which calls belong to other authorities, and how these get
// their work orders (分流). It stands in routing_file, which one district may
// share among its stations, and beside it under routing: there a partner of
// the file is connected (it replaces the file's of the same id), and more
// partners and classes are added.
type Routing struct {
	Partners []Partner `yaml:"partners"`
	Classes  []Class   `yaml:"classes"`
}

// Partner is another authority that takes work orders.
type Partner struct {
	ID           string         `yaml:"id"`
	Name         string         `yaml:"name"`
	Kind         string         `yaml:"kind"`    // none, webhook, mqtt
	Contact      string         `yaml:"contact"` // for people: whom to call
	URL          string         `yaml:"url"`     // of the webhook, or of the partner's broker; mqtt without it: the box's own broker
	SecretFile   string         `yaml:"secret_file"`
	Topic        string         `yaml:"topic"` // at the partner's broker: orders go to {topic}/orders, replies come on {topic}/reply
	Username     string         `yaml:"username"`
	PasswordFile string         `yaml:"password_file"`
	CAFile       string         `yaml:"ca_file"`
	CertFile     string         `yaml:"cert_file"`
	KeyFile      string         `yaml:"key_file"`
	Pictures     bool           `yaml:"pictures"` // the incident's snapshot goes along
	MaxBacklog   PartnerBacklog `yaml:"max_backlog"`

	Password string `yaml:"-"`
	key      string // where it stands
}

// PartnerBacklog is how much may wait for a partner's line: an order that
// waits longer is set aside, and beyond so many no more are issued.
type PartnerBacklog struct {
	Age    Duration `yaml:"age"`
	Orders int      `yaml:"orders"`
}

// Class is a group of calls that are no police work.
type Class struct {
	ID    string      `yaml:"id"`
	Name  string      `yaml:"name"`
	Kinds []RouteKind `yaml:"kinds"`

	key string
}

// RouteKind is one kind of them: to whom it goes, all at once, and by when it
// is to be answered.
type RouteKind struct {
	ID       string   `yaml:"id"`
	Name     string   `yaml:"name"`
	Reports  []string `yaml:"reports"` // kinds of reports for which it is proposed
	Partners []string `yaml:"partners"`
	Limit    Duration `yaml:"limit"`
}

func (p *Partner) setDefaults() {
	p.Kind = "none"
	p.MaxBacklog = PartnerBacklog{Age: Duration(30 * 24 * time.Hour), Orders: 1000}
}

func (k *RouteKind) setDefaults() { k.Limit = Duration(24 * time.Hour) }

// loadRouting reads routing_file below what the configuration says itself, and
// gives its text.
func (c *Config) loadRouting(dir string, ps *Problems) []byte {
	c.Routing.place(dir, "routing.")
	if c.RoutingFile == "" {
		return nil
	}
	if !filepath.IsAbs(c.RoutingFile) {
		c.RoutingFile = filepath.Join(dir, c.RoutingFile)
	}
	text, err := os.ReadFile(c.RoutingFile)
	if err != nil {
		ps.add("routing_file", "%v; name a file with partners and classes, or leave it out", err)
		return nil
	}
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		ps.add("routing_file", "%s: %s", c.RoutingFile, strings.TrimPrefix(err.Error(), "yaml: "))
		return text
	}
	var shared Routing
	if len(root.Content) > 0 {
		decode(root.Content[0], reflect.ValueOf(&shared).Elem(), "routing_file", ps)
	}
	shared.place(filepath.Dir(c.RoutingFile), "routing_file.")
	shared.connect(c.Routing)
	c.Routing = shared
	return text
}

// place remembers where things stand, and completes paths from there.
func (r *Routing) place(dir, prefix string) {
	for i := range r.Partners {
		p := &r.Partners[i]
		p.key = fmt.Sprintf("%spartners[%d]", prefix, i)
		for _, file := range []*string{&p.SecretFile, &p.PasswordFile, &p.CAFile, &p.CertFile, &p.KeyFile} {
			if *file != "" && !filepath.IsAbs(*file) {
				*file = filepath.Join(dir, *file)
			}
		}
	}
	for i := range r.Classes {
		r.Classes[i].key = fmt.Sprintf("%sclasses[%d]", prefix, i)
	}
}

// connect takes over what the station says of the shared partners, and adds
// what the shared file has not.
func (r *Routing) connect(own Routing) {
	at := map[string]int{}
	for i, p := range r.Partners {
		at[p.ID] = i
	}
	shared := len(r.Partners)
	for _, p := range own.Partners {
		i, known := at[p.ID]
		if !known || i >= shared {
			r.Partners = append(r.Partners, p) // twice is found by validateRouting
			continue
		}
		old := r.Partners[i]
		if p.Name == "" {
			p.Name = old.Name
		}
		if p.Contact == "" {
			p.Contact = old.Contact
		}
		r.Partners[i] = p
	}
	r.Classes = append(r.Classes, own.Classes...)
}

// resolveRouting completes names and topics, and reads what is secret.
func (c *Config) resolveRouting(ps *Problems) {
	for i := range c.Routing.Partners {
		p := &c.Routing.Partners[i]
		if p.Name == "" {
			p.Name = p.ID
		}
		if p.Kind == "mqtt" && p.URL != "" && p.Topic == "" {
			p.Topic = "watchpost/" + c.Station.ID + "/" + p.ID
		}
		p.Password = secret(p.PasswordFile, p.key+".password_file", ps)
		secretLine(p.SecretFile, p.key+".secret_file", webhookRemedy, ps)
	}
	for i := range c.Routing.Classes {
		class := &c.Routing.Classes[i]
		if class.Name == "" {
			class.Name = class.ID
		}
		for j := range class.Kinds {
			if class.Kinds[j].Name == "" {
				class.Kinds[j].Name = class.Kinds[j].ID
			}
		}
	}
}
