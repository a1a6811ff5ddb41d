package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// draft is the version of JSON Schema that all of them are written in.
const draft = "https://json-schema.org/draft/2020-12/schema"

// entry is a line of the index.
type entry struct {
	Name  string `json:"name"`
	Href  string `json:"href"`
	Title string `json:"title"`
	Lane  string `json:"lane,omitempty"` // of an event of the journal
}

// generate makes all files, by their path below the folder of package schema.
// dir is anywhere in the repository.
func generate(dir string) (map[string][]byte, error) {
	root, err := moduleRoot(dir)
	if err != nil {
		return nil, err
	}
	read, err := readSource(root, "bridge", "ingest", "ingest/pillar", "appliance/internal/desk", "appliance/internal/partner", generatePath)
	if err != nil {
		return nil, err
	}
	m, files := newMaker(read), map[string][]byte{}
	var index []entry
	add := func(name, title, lane string, s *jsonschema.Schema) error {
		s.Schema, s.ID, s.Title = draft, name+".json", title
		if lane != "" {
			s.Extra = map[string]any{"x-lane": lane}
		}
		index = append(index, entry{Name: name, Href: "/api/schemas/" + name + ".json", Title: title, Lane: lane})
		var err error
		files["json/"+name+".json"], err = pretty(s)
		return err
	}
	for _, e := range events() {
		s, err := m.of(e.data)
		if err != nil {
			return nil, err
		}
		s.Required = append(s.Required, e.needs...)
		refine(e.typ, s)
		if err := add(e.typ, e.says, string(e.lane), s); err != nil {
			return nil, err
		}
	}
	for _, msg := range messages() {
		s, err := m.of(msg.payload)
		if err != nil {
			return nil, err
		}
		s.Examples = msg.examples
		refine(msg.name, s)
		if err := add(msg.name, msg.says, "", s); err != nil {
			return nil, err
		}
	}
	if len(m.wordless) > 0 {
		return nil, fmt.Errorf("nothing says what these fields are; write a comment behind them in the Go source, or a word into words.go:\n%s", strings.Join(m.wordless, "\n"))
	}
	if files["index.json"], err = pretty(map[string]any{"event": "/api/schemas/event.json", "asyncapi": "/api/asyncapi.json", "schemas": index}); err != nil {
		return nil, err
	}
	files["asyncapi.json"], err = pretty(asyncapi())
	return files, err
}

// refine says what a Go type cannot.
func refine(name string, s *jsonschema.Schema) {
	one := func(names ...string) {
		for _, n := range names {
			s.OneOf = append(s.OneOf, &jsonschema.Schema{Required: []string{n}})
		}
	}
	switch name {
	case "watchpost.alert.raised":
		one("press", "sighting", "report", "drone", "device_fact")
	case "watchpost.receipt.accepted", "watchpost.receipt.rejected": // of a receipt that named the event's id only
		lane := s.Properties["lane"]
		lane.Enum = append([]any{""}, lane.Enum...)
	case "state":
		for _, name := range []string{"last", "lag"} { // a partner has no lanes
			s.Properties[name].Type, s.Properties[name].Types = "", []string{"null", "object"}
		}
	case "event":
		s.Properties["specversion"].Enum = []any{"1.0"}
		s.Properties["type"].Pattern = `^watchpost\.`
		s.Properties["sequence"].Pattern = `^\d{20}$`
		for _, hash := range []string{"prevhash", "datahash"} {
			s.Properties[hash].Pattern = "^[a-z0-9]+:[0-9a-f]+$"
		}
		s.DependentRequired = map[string][]string{"data": {"datasalt"}, "datasalt": {"data"}}
	case "receipt":
		s.AnyOf = []*jsonschema.Schema{{Required: []string{"id"}}, {Required: []string{"epoch", "lane", "through"}}}
	}
}

// pretty is JSON for people and for diffs, with < and > as they are.
func pretty(value any) ([]byte, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", " "); err != nil {
		return nil, err
	}
	text := out.Bytes()
	for escape, as := range map[string]string{`\u003c`: "<", `\u003e`: ">", `\u0026`: "&"} {
		text = bytes.ReplaceAll(text, []byte(escape), []byte(as))
	}
	return append(text, '\n'), nil
}
