package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/watchpost-edge/watchpost/bridge"
)

// stampPattern is how bridge.Stamp writes a time: UTC, milliseconds; empty when
// there is none.
const stampPattern = `^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z)?$`

// maker makes schemas of Go types.
type maker struct {
	source *source
	words  map[string]string
	shared map[reflect.Type]*jsonschema.Schema
	// wordless are the fields that nothing describes.
	wordless []string
}

func newMaker(s *source) *maker {
	return &maker{source: s, words: words(), shared: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[bridge.Stamp]():    {Type: "string", Pattern: stampPattern},
		reflect.TypeFor[time.Time]():       {Type: "string", Format: "date-time"},
		reflect.TypeFor[json.RawMessage](): {Type: "object"},
	}}
}

// of is the schema of the value's type: what is always written is required,
// what is unknown is allowed.
func (m *maker) of(value any) (*jsonschema.Schema, error) {
	t := reflect.TypeOf(value)
	s, err := jsonschema.ForType(t, &jsonschema.ForOptions{TypeSchemas: m.shared})
	if err != nil {
		return nil, fmt.Errorf("make schema of %s: %w", t, err)
	}
	m.describe(s, t, nameOf(t))
	return s, nil
}

func (m *maker) describe(s *jsonschema.Schema, t reflect.Type, owner string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Name() != "" {
		owner = nameOf(t)
	}
	switch {
	case m.shared[t] != nil:
	case t.Kind() == reflect.Slice || t.Kind() == reflect.Array:
		m.describe(s.Items, t.Elem(), owner)
	case t.Kind() == reflect.Map:
		m.describe(s.AdditionalProperties, t.Elem(), owner)
	case t.Kind() == reflect.Struct:
		s.AdditionalProperties = nil
		m.fields(s, t, owner)
	case t.Kind() == reflect.String && t.PkgPath() != "":
		s.Enum = m.source.values[nameOf(t)]
	case t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uint64:
		s.Minimum = new(float64)
	}
}

func (m *maker) fields(s *jsonschema.Schema, t reflect.Type, owner string) {
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		property := s.Properties[name]
		if f.Anonymous || property == nil {
			continue
		}
		in := owner
		if len(f.Index) > 1 {
			in = nameOf(t.FieldByIndex(f.Index[:len(f.Index)-1]).Type)
		}
		m.describe(property, f.Type, in+"."+f.Name)
		if len(property.Types) == 2 && options != "" { // left out when there is none: never null
			property.Type, property.Types = property.Types[1], nil
		}
		m.word(property, in, f.Name, name)
	}
}

// word gives a field its description: what its name means, and what the source
// says of it here.
func (m *maker) word(s *jsonschema.Schema, owner, field, name string) {
	typ := s.Type
	if len(s.Types) > 0 {
		typ = s.Types[len(s.Types)-1]
	}
	parts := []string{}
	for _, key := range []string{owner[strings.LastIndexByte(owner, '.')+1:] + "." + name, name + "/" + typ, name} {
		if says := m.words[key]; says != "" {
			parts = append(parts, says)
			break
		}
	}
	if comment := m.source.comments[owner+"."+field]; comment != "" && !slices.Contains(parts, comment) {
		parts = append(parts, comment)
	}
	if len(parts) == 0 {
		m.wordless = append(m.wordless, fmt.Sprintf("%s.%s (%s)", strings.TrimPrefix(owner, module), field, name))
	}
	s.Description = strings.Join(parts, "; ")
	switch name {
	case "priority", "severity":
		s.Enum = []any{"P0", "P1", "P2", "P3"}
	case "schema":
		s.Enum = []any{1}
	}
}
