package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Supported is what this build can do, as the packages that do it say.
type Supported struct {
	// Rule says what is wrong with a rule of the camera, each problem as
	// "key: text", joined.
	Rule func(cam *Camera, r *Rule) error
	// Secret says what is wrong with the form of a webhook's secret file. Where
	// it is set, all files that a running box reads anew are judged too.
	Secret func(path string) error
}

// Load reads, completes and validates the file. All that is wrong comes back
// at once as Problems; a file that is not YAML gives one problem.
func Load(path string, can Supported) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration %s: %w", path, err)
	}
	return Parse(text, filepath.Dir(abs), can)
}

// Parse is Load for text; dir is the folder that relative paths count from.
func Parse(text []byte, dir string, can Supported) (*Config, error) {
	root, err := document(text)
	if err != nil {
		return nil, Problems{{Key: "yaml", Text: strings.TrimPrefix(err.Error(), "yaml: ")}}
	}
	c := Default()
	c.HTTP.TLS.Listen, c.MQTT.Listen, c.MQTT.TLS.Listen = unsaid, unsaid, unsaid
	var ps Problems
	switch {
	case len(root.Content) == 0:
	case root.Content[0].Kind == yaml.MappingNode:
		decode(root.Content[0], reflect.ValueOf(&c).Elem(), "", &ps)
	default:
		ps.add("yaml", "line %d is no key; a configuration begins with keys, like station: {id: …}", root.Content[0].Line)
	}
	text = append(slices.Clone(text), c.loadRouting(dir, &ps)...)
	sum := sha256.Sum256(text)
	c.digest = "sha256:" + hex.EncodeToString(sum[:])
	c.resolve(dir, &ps)
	c.mergeImported(text, &ps)
	c.validate(can, &ps)
	if can.Secret != nil {
		c.checkFiles(can.Secret, &ps)
	}
	if len(ps) > 0 {
		slices.SortStableFunc(ps, func(a, b Problem) int { return strings.Compare(a.Key, b.Key) })
		return nil, ps
	}
	return &c, nil
}

// document reads the one document that a file holds; what follows a line of
// three dashes would count for nothing, without a word.
func document(text []byte) (root yaml.Node, err error) {
	reader := yaml.NewDecoder(bytes.NewReader(text))
	if err := reader.Decode(&root); err != nil && !errors.Is(err, io.EOF) {
		return root, err
	}
	var second yaml.Node
	if err := reader.Decode(&second); err == nil {
		return root, fmt.Errorf("line %d begins a second document (---); a configuration is one: remove the line, or what follows", second.Line)
	} else if !errors.Is(err, io.EOF) {
		return root, err
	}
	return root, nil
}

func (c *Config) resolve(dir string, ps *Problems) {
	abs := func(p *string) {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	abs(&c.Data.Dir)
	abs(&c.Data.Journal.Dir)
	c.completeBroker(abs, ps)
	c.completeTLS(abs)
	if c.Data.Journal.Dir == "" {
		c.Data.Journal.Dir = filepath.Join(c.Data.Dir, "journal")
	}
	for i := range c.Cameras {
		cam := &c.Cameras[i]
		abs(&cam.PasswordFile)
		abs(&cam.TLS.CAFile)
		cam.Password = secret(cam.PasswordFile, fmt.Sprintf("cameras[%d].password_file", i), ps)
		if cam.Name == "" {
			cam.Name = cam.ID
		}
	}
	for i := range c.Pillars {
		p := &c.Pillars[i]
		abs(&p.PasswordFile)
		p.Password = secret(p.PasswordFile, fmt.Sprintf("pillars[%d].password_file", i), ps)
		if p.Name == "" {
			p.Name = p.ID
		}
	}
	c.resolveForces(abs, ps)
	c.resolveRouting(ps)
	c.resolvePatrols()
	for i := range c.Drones {
		if c.Drones[i].Name == "" {
			c.Drones[i].Name = c.Drones[i].ID
		}
	}
	for i := range c.Uplinks {
		u := &c.Uplinks[i]
		for _, p := range []*string{&u.PasswordFile, &u.CAFile, &u.CertFile, &u.KeyFile, &u.SecretFile} {
			abs(p)
		}
		u.Password = secret(u.PasswordFile, fmt.Sprintf("uplinks[%d].password_file", i), ps)
		secretLine(u.SecretFile, fmt.Sprintf("uplinks[%d].secret_file", i), webhookRemedy, ps)
		u.complete()
	}
	loc, err := time.LoadLocation(c.Station.Timezone)
	if err != nil {
		ps.add("station.timezone", "%q is no IANA time zone; write it like Asia/Shanghai", c.Station.Timezone)
		loc = time.UTC
	}
	c.location = loc
}
