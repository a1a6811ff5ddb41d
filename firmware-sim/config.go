package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/watchpost-edge/watchpost/firmware-sim/client"
	"github.com/watchpost-edge/watchpost/firmware-sim/drone"
	"github.com/watchpost-edge/watchpost/firmware-sim/hq"
	"github.com/watchpost-edge/watchpost/firmware-sim/phone"
)

const anyPort = "127.0.0.1:0"

// config is the file that -config names. Relative paths count from its folder.
type config struct {
	Data     dataConfig      `yaml:"data"`
	Control  controlConfig   `yaml:"control"`
	Cameras  []cameraConfig  `yaml:"cameras"`
	Pillars  []pillarConfig  `yaml:"pillars"`
	Drones   []droneConfig   `yaml:"drones"`
	Phones   []phoneConfig   `yaml:"phones"`
	Partners []partnerConfig `yaml:"partners"`
	HQ       []hqConfig      `yaml:"hq"`
}

type dataConfig struct {
	Dir string `yaml:"dir"`
}

type controlConfig struct {
	Listen string `yaml:"listen"`
}

// start tells whether a device is switched on at the beginning: yes, unless
// the file says no.
type start struct {
	Start *bool `yaml:"start"`
}

func (s start) on() bool { return s.Start == nil || *s.Start }

type cameraConfig struct {
	ID       string `yaml:"id"`
	File     string `yaml:"file"`
	Listen   string `yaml:"listen"`
	Path     string `yaml:"path"`
	Username string `yaml:"username"`
	Password string `yaml:"password"`
	Other    string `yaml:"other"`    // the same film in another size
	Sound    string `yaml:"sound"`    // pcma, pcmu or an .aac file
	Requests bool   `yaml:"requests"` // a key frame when a reader asks for one
	start    `yaml:",inline"`
}

type pillarConfig struct {
	ID       string `yaml:"id"`
	Password string `yaml:"password"`
	Broker   string `yaml:"broker"`
	start    `yaml:",inline"`
}

type droneConfig struct {
	ID        string         `yaml:"id"`
	SystemID  int            `yaml:"system_id"`
	Target    string         `yaml:"target"`
	Center    drone.Position `yaml:"center"`
	RadiusM   float64        `yaml:"radius_m"`
	AltitudeM float64        `yaml:"altitude_m"`
	GroundM   float64        `yaml:"ground_m"`
	SpeedMPS  float64        `yaml:"speed_mps"`
	RateHz    float64        `yaml:"rate_hz"`
	start     `yaml:",inline"`
}

type phoneConfig struct {
	ID       string         `yaml:"id"` // of the person
	Device   string         `yaml:"device"`
	Password string         `yaml:"password"`
	Broker   string         `yaml:"broker"`
	Center   phone.Position `yaml:"center"`
	RadiusM  float64        `yaml:"radius_m"`
	SpeedMPS float64        `yaml:"speed_mps"`
	EveryS   float64        `yaml:"every_s"`
	start    `yaml:",inline"`
}

type partnerConfig struct {
	ID       string  `yaml:"id"`
	Password string  `yaml:"password"`
	Broker   string  `yaml:"broker"`   // mqtt://host:port
	AcceptS  float64 `yaml:"accept_s"` // until it accepts an order
	DoneS    float64 `yaml:"done_s"`   // and from then until it is done
	Refuses  bool    `yaml:"refuses"`  // hands every order back
	start    `yaml:",inline"`
}

type hqConfig struct {
	Name     string     `yaml:"name"`
	Station  string     `yaml:"station"`
	Box      string     `yaml:"box"`
	MQTT     mqttConfig `yaml:"mqtt"`
	TUS      tusConfig  `yaml:"tus"`
	Receipts string     `yaml:"receipts"`
	start    `yaml:",inline"`
}

type mqttConfig struct {
	Listen   string `yaml:"listen"`
	Username string `yaml:"username"`
	Password string `yaml:"password"`
}

type tusConfig struct {
	Listen string `yaml:"listen"`
}

// loadConfig reads the file, fills in what it leaves out, and returns every
// problem at once, each with its key.
func loadConfig(path string) (*config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	dec := yaml.NewDecoder(f)
	dec.KnownFields(true)
	c := &config{}
	var problems []error
	if err := dec.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		var several *yaml.TypeError
		if !errors.As(err, &several) {
			return nil, fmt.Errorf("read configuration %s: %w", path, err)
		}
		for _, text := range several.Errors {
			problems = append(problems, errors.New(text))
		}
	}
	base, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("read configuration %s: %w", path, err)
	}
	c.fill(base)
	if err := errors.Join(append(problems, c.problems()...)...); err != nil {
		return nil, fmt.Errorf("read configuration %s:\n%w", path, err)
	}
	return c, nil
}

func (c *config) fill(base string) {
	abs := func(path *string) {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(base, *path)
		}
	}
	abs(&c.Data.Dir)
	fill(&c.Control.Listen, anyPort)
	for i := range c.Cameras {
		cam := &c.Cameras[i]
		abs(&cam.File)
		abs(&cam.Other)
		if strings.Contains(cam.Sound, ".") {
			abs(&cam.Sound)
		}
		fill(&cam.Listen, anyPort)
		fill(&cam.Path, "main")
	}
	for i := range c.Drones {
		d := &c.Drones[i]
		fill(&d.SystemID, i+1)
		fill(&d.RadiusM, 150)
		fill(&d.AltitudeM, 80)
		fill(&d.SpeedMPS, 8)
		fill(&d.RateHz, 10)
	}
	for i := range c.Partners {
		p := &c.Partners[i]
		fill(&p.AcceptS, 2)
		fill(&p.DoneS, 15)
	}
	for i := range c.Phones {
		p := &c.Phones[i]
		fill(&p.Device, "phone")
		fill(&p.RadiusM, 80)
		fill(&p.SpeedMPS, 1.4)
		fill(&p.EveryS, 5)
	}
	for i := range c.HQ {
		h := &c.HQ[i]
		fill(&h.Name, "hq")
		fill(&h.MQTT.Listen, anyPort)
		fill(&h.TUS.Listen, anyPort)
		fill(&h.Receipts, hq.ReceiptsAuto)
	}
}

func fill[T comparable](to *T, value T) {
	var zero T
	if *to == zero {
		*to = value
	}
}

// checker collects problems under the key they belong to.
type checker struct {
	errs []error
	seen map[string]bool
}

func (k *checker) add(key, format string, args ...any) {
	k.errs = append(k.errs, fmt.Errorf(key+": "+format, args...))
}

func (k *checker) err(key string, err error) {
	if err != nil {
		k.add(key, "%w", err)
	}
}

func (k *checker) id(key, kind, id string) {
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`).MatchString(id) {
		k.add(key, "%q: want letters, digits, dot, dash or underscore", id)
	}
	if k.seen[kind+"/"+id] {
		k.add(key, "%q: used twice", id)
	}
	k.seen[kind+"/"+id] = true
}

func (k *checker) listen(key, addr string) {
	if _, err := net.ResolveTCPAddr("tcp4", addr); err != nil {
		k.add(key, "%q: want host:port (IPv4): %w", addr, err)
	}
}

func (c *config) problems() []error {
	k := &checker{seen: map[string]bool{}}
	if c.Data.Dir == "" {
		k.add("data.dir", "missing")
	}
	k.listen("control.listen", c.Control.Listen)
	if addr, err := net.ResolveTCPAddr("tcp4", c.Control.Listen); err == nil && !addr.IP.IsLoopback() {
		k.add("control.listen", "%q: want an address of this machine only (127.0.0.1)", c.Control.Listen)
	}
	for i, cam := range c.Cameras {
		cam.check(k, fmt.Sprintf("cameras[%d]", i))
	}
	for i, p := range c.Pillars {
		key := fmt.Sprintf("pillars[%d]", i)
		k.id(key+".id", "pillar", p.ID)
		if p.Broker != "" {
			k.err(key+".broker", client.CheckBroker(p.Broker))
		}
	}
	for i, d := range c.Drones {
		d.check(k, fmt.Sprintf("drones[%d]", i))
	}
	for i, p := range c.Partners {
		p.check(k, fmt.Sprintf("partners[%d]", i))
	}
	for i, p := range c.Phones {
		p.check(k, fmt.Sprintf("phones[%d]", i))
	}
	for i, h := range c.HQ {
		h.check(k, fmt.Sprintf("hq[%d]", i))
	}
	return k.errs
}

func (c cameraConfig) check(k *checker, key string) {
	k.id(key+".id", "camera", c.ID)
	k.listen(key+".listen", c.Listen)
	if c.File == "" {
		k.add(key+".file", "missing")
	} else if _, err := os.Stat(c.File); err != nil {
		k.err(key+".file", err)
	}
	if c.Path != strings.Trim(c.Path, "/") {
		k.add(key+".path", "%q: want it without slashes at the ends", c.Path)
	}
	if c.Username == "" && c.Password != "" {
		k.add(key+".username", "missing, but there is a password")
	}
}

func (p partnerConfig) check(k *checker, key string) {
	k.id(key+".id", "partner", p.ID)
	if p.Broker != "" {
		k.err(key+".broker", client.CheckBroker(p.Broker))
	}
	k.within(key, "accept_s", p.AcceptS, 0.01, 3600)
	k.within(key, "done_s", p.DoneS, 0.01, 3600)
}

func (p phoneConfig) check(k *checker, key string) {
	k.id(key+".id", "phone", p.ID)
	k.id(key+".device", key, p.Device)
	if p.Broker != "" {
		k.err(key+".broker", client.CheckBroker(p.Broker))
	}
	k.center(key, p.Center.Lat, p.Center.Lon)
	k.within(key, "radius_m", p.RadiusM, 1, 10000)
	k.within(key, "speed_mps", p.SpeedMPS, 0.1, 50)
	k.within(key, "every_s", p.EveryS, 0.05, 3600)
}

func (k *checker) center(key string, lat, lon float64) {
	if lat == 0 && lon == 0 || lat < -85 || lat > 85 || lon < -180 || lon > 180 {
		k.add(key+".center", "want {lat: -85..85, lon: -180..180}")
	}
}

func (k *checker) within(key, name string, value, low, high float64) {
	if value < low || value > high {
		k.add(key+"."+name, "%g: want %g to %g", value, low, high)
	}
}

func (d droneConfig) check(k *checker, key string) {
	k.id(key+".id", "drone", d.ID)
	if d.Target != "" {
		k.err(key+".target", drone.CheckTarget(d.Target))
	}
	if d.SystemID < 1 || d.SystemID > 255 {
		k.add(key+".system_id", "%d: want 1 to 255", d.SystemID)
	}
	k.center(key, d.Center.Lat, d.Center.Lon)
	k.within(key, "radius_m", d.RadiusM, 1, 10000)
	k.within(key, "altitude_m", d.AltitudeM, 0, 1000)
	k.within(key, "speed_mps", d.SpeedMPS, 0.1, 50)
	k.within(key, "rate_hz", d.RateHz, 0.1, 50)
}

func (h hqConfig) check(k *checker, key string) {
	k.id(key+".name", "hq", h.Name)
	k.id(key+".station", key, h.Station)
	k.id(key+".box", key+".box", h.Box)
	k.listen(key+".mqtt.listen", h.MQTT.Listen)
	k.listen(key+".tus.listen", h.TUS.Listen)
	if h.Receipts != hq.ReceiptsAuto && h.Receipts != hq.ReceiptsOff {
		k.add(key+".receipts", "%q: want auto or off", h.Receipts)
	}
}
