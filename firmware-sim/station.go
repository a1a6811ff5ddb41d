package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/firmware-sim/camera"
	"github.com/watchpost-edge/watchpost/firmware-sim/drone"
	"github.com/watchpost-edge/watchpost/firmware-sim/fault"
	"github.com/watchpost-edge/watchpost/firmware-sim/hq"
	"github.com/watchpost-edge/watchpost/firmware-sim/partner"
	"github.com/watchpost-edge/watchpost/firmware-sim/phone"
	"github.com/watchpost-edge/watchpost/firmware-sim/pillar"
)

const (
	addressesFile  = "addresses.json"
	requestTimeout = 10 * time.Second
)

// station is all devices of the fake station, and the control over them.
type station struct {
	conf *config
	seed uint64
	log  *slog.Logger

	cameras  map[string]*camera.Camera
	faults   map[string]*fault.Injector // by camera
	pillars  map[string]*pillar.Pillar
	drones   map[string]*drone.Drone
	phones   map[string]*phone.Phone // by person
	partners map[string]*partner.Partner
	hq       map[string]*hq.HQ
	devices  []*device // in order of starting: headquarters first

	mu      sync.Mutex
	control string // its address
}

// addresses is what others need to find the station.
type addresses struct {
	Control string                 `json:"control"`
	Cameras map[string]string      `json:"cameras"`
	Pillars map[string]string      `json:"pillars"` // their broker
	Drones  map[string]string      `json:"drones"`  // their target
	Phones  map[string]string      `json:"phones"`  // their broker
	HQ      map[string]hqAddresses `json:"hq"`
}

type hqAddresses struct {
	MQTT string `json:"mqtt"`
	TUS  string `json:"tus"`
}

// newStation reads footage and memories; nothing runs yet.
func newStation(conf *config, seed uint64, log *slog.Logger) (*station, error) {
	s := &station{
		conf: conf, seed: seed, log: log,
		cameras: map[string]*camera.Camera{}, faults: map[string]*fault.Injector{}, pillars: map[string]*pillar.Pillar{},
		drones: map[string]*drone.Drone{}, phones: map[string]*phone.Phone{}, partners: map[string]*partner.Partner{}, hq: map[string]*hq.HQ{},
	}
	before := s.loadAddresses()
	for _, c := range conf.HQ {
		was := before.HQ[c.Name]
		h := hq.New(hq.Config{
			Name: c.Name, Station: c.Station, Box: c.Box, Dir: filepath.Join(conf.Data.Dir, "hq", c.Name),
			MQTT: again(was.MQTT, c.MQTT.Listen), TUS: again(was.TUS, c.TUS.Listen),
			Username: c.MQTT.Username, Password: c.MQTT.Password, Receipts: c.Receipts,
		}, log)
		s.hq[c.Name] = h
		s.add("hq", c.Name, c.on(), h)
	}
	if err := s.addCameras(before); err != nil {
		return nil, err
	}
	for _, c := range conf.Drones {
		d := drone.New(drone.Config{
			ID: c.ID, SystemID: byte(c.SystemID), Target: c.Target, Center: c.Center, RadiusM: c.RadiusM,
			AltitudeM: c.AltitudeM, GroundM: c.GroundM, SpeedMPS: c.SpeedMPS, RateHz: c.RateHz,
		}, log)
		s.drones[c.ID] = d
		s.add("drone", c.ID, c.on(), d)
	}
	for _, c := range conf.Partners {
		p := partner.New(partner.Config{
			ID: c.ID, Password: c.Password, Broker: c.Broker, Refuses: c.Refuses,
			AcceptAfter: time.Duration(c.AcceptS * float64(time.Second)), DoneAfter: time.Duration(c.DoneS * float64(time.Second)),
		}, log)
		s.partners[c.ID] = p
		s.add("partner", c.ID, c.on(), p)
	}
	for _, c := range conf.Phones {
		p := phone.New(phone.Config{
			Person: c.ID, Device: c.Device, Password: c.Password, Broker: c.Broker, Center: c.Center, RadiusM: c.RadiusM, SpeedMPS: c.SpeedMPS,
			Every: time.Duration(c.EveryS * float64(time.Second)),
		}, log)
		s.phones[c.ID] = p
		s.add("phone", c.ID, c.on(), p)
	}
	for _, c := range conf.Pillars {
		dir := filepath.Join(conf.Data.Dir, "pillars", c.ID)
		p, err := pillar.New(pillar.Config{ID: c.ID, Password: c.Password, Broker: c.Broker, Dir: dir}, log)
		if err != nil {
			return nil, err
		}
		s.pillars[c.ID] = p
		s.add("pillar", c.ID, c.on(), p)
	}
	return s, nil
}

func (s *station) addCameras(before addresses) error {
	films := map[string]*camera.Footage{} // shared by the cameras that play them
	load := func(path string) (*camera.Footage, error) {
		if path == "" || films[path] != nil {
			return films[path], nil
		}
		film, err := camera.LoadFootage(path)
		films[path] = film
		return film, err
	}
	for _, c := range s.conf.Cameras {
		conf := camera.Config{
			ID: c.ID, Listen: again(before.Cameras[c.ID], c.Listen), Path: c.Path,
			Username: c.Username, Password: c.Password, Requests: c.Requests,
		}
		var err error
		if conf.Footage, err = load(c.File); err == nil {
			conf.Other, err = load(c.Other)
		}
		if err == nil && c.Sound != "" {
			conf.Sound, err = camera.LoadSound(c.Sound)
		}
		if err == nil {
			err = conf.Footage.SameFilm(conf.Other)
		}
		if err != nil {
			return fmt.Errorf("open camera %s: %w", c.ID, err)
		}
		s.faults[c.ID] = fault.NewInjector(s.seed, c.ID)
		cam := camera.New(conf, s.faults[c.ID], s.log)
		s.cameras[c.ID] = cam
		s.add("camera", c.ID, c.on(), cam)
	}
	return nil
}

func (s *station) add(kind, id string, automatic bool, m machine) {
	s.devices = append(s.devices, &device{machine: m, kind: kind, id: id, automatic: automatic, log: s.log})
}

// again is the address of the last run, where the file leaves the port open
// and nobody took it meanwhile: so whoever wrote it down finds the device.
func again(was, want string) string {
	u, err := url.Parse(was)
	if err != nil || u.Host == "" {
		return want
	}
	if _, port, err := net.SplitHostPort(want); err != nil || port != "0" {
		return want
	}
	port, err := fault.NewPort(u.Host)
	if err != nil {
		return want
	}
	if err := port.Release(); err != nil {
		return want
	}
	return u.Host
}

// Run starts the control and all devices, says so in addresses.json, and
// works until ctx ends.
func (s *station) Run(ctx context.Context) error {
	if err := os.MkdirAll(s.conf.Data.Dir, 0o750); err != nil {
		return fmt.Errorf("open data folder: %w", err)
	}
	path := filepath.Join(s.conf.Data.Dir, addressesFile)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove old addresses: %w", err) // nobody may take them for ours
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", s.conf.Control.Listen)
	if err != nil {
		return fmt.Errorf("open control (control.listen): %w", err)
	}
	s.mu.Lock()
	s.control = ln.Addr().String()
	s.mu.Unlock()
	server := &http.Server{Handler: s.routes(), ReadTimeout: requestTimeout}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	defer func() {
		_ = server.Close() // what is asked at the very end gets no answer
		<-served
		s.stop()
	}()
	if err := s.start(); err != nil {
		return err
	}
	if err := s.writeAddresses(); err != nil {
		return err
	}
	s.log.Info("ready", "control", "http://"+ln.Addr().String(), "addresses", path)
	select {
	case <-ctx.Done():
		return nil
	case err := <-served:
		served <- nil
		return fmt.Errorf("serve control: %w", err)
	}
}

// start takes all addresses, then switches on what is to be on.
func (s *station) start() error {
	for _, d := range s.devices {
		if r, ok := d.machine.(interface{ Reserve() error }); ok {
			if err := r.Reserve(); err != nil {
				return err
			}
		}
	}
	for _, d := range s.devices {
		if !d.automatic {
			continue
		}
		if err := d.on(); err != nil {
			return err
		}
	}
	return nil
}

// stop switches everything off at once: first what sends, then headquarters.
func (s *station) stop() {
	for _, last := range []bool{false, true} {
		var wg sync.WaitGroup
		for _, d := range s.devices {
			if (d.kind == "hq") == last {
				wg.Go(func() { d.off(errSwitchedOff) })
			}
		}
		wg.Wait()
	}
}

func (s *station) loadAddresses() (a addresses) {
	raw, err := os.ReadFile(filepath.Join(s.conf.Data.Dir, addressesFile))
	if err == nil {
		err = json.Unmarshal(raw, &a)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.log.Warn("forget the addresses of the last run", "err", err)
		return addresses{}
	}
	return a
}

// writeAddresses replaces the file in one step: temporary file, sync, rename.
func (s *station) writeAddresses() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := addresses{Control: s.control, Cameras: map[string]string{}, Pillars: map[string]string{}, Drones: map[string]string{}, Phones: map[string]string{}, HQ: map[string]hqAddresses{}}
	for id, c := range s.cameras {
		a.Cameras[id] = c.URL()
	}
	for id, p := range s.pillars {
		a.Pillars[id] = p.Broker()
	}
	for id, d := range s.drones {
		a.Drones[id] = d.Target()
	}
	for id, p := range s.phones {
		a.Phones[id] = p.Broker()
	}
	for name, h := range s.hq {
		state := h.State()
		a.HQ[name] = hqAddresses{MQTT: state.MQTT, TUS: state.TUS}
	}
	raw, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return fmt.Errorf("write addresses: %w", err)
	}
	tmp, err := os.CreateTemp(s.conf.Data.Dir, ".addresses-*")
	if err != nil {
		return fmt.Errorf("write addresses: %w", err)
	}
	_, err = tmp.Write(append(raw, '\n'))
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(s.conf.Data.Dir, addressesFile))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write addresses: %w", err), os.Remove(tmp.Name()))
	}
	return nil
}
