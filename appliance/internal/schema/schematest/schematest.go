// Package schematest owns the check that what the product writes is what its
// schemas say. It is for tests only.
//
// It refuses events of a type without a schema and, other than a receiver,
// fields that no schema describes: those would be a contract that nobody wrote
// down. It fails with an error that names the event, the place in it and the
// remedy.
package schematest

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/watchpost-edge/watchpost/appliance/internal/schema"
	"github.com/watchpost-edge/watchpost/bridge"
)

// Of the events of one type a Checker looks at the first ones all, then at one
// of so many: a test of a year has hundreds of thousands.
const (
	wholeEvents = 200
	thenOneOf   = 101
)

// Checker checks events. It may be used by several goroutines.
type Checker struct {
	mu     sync.Mutex
	strict *jsonschema.Compiler // what no schema describes is refused
	open   *jsonschema.Compiler
	met    map[string]int
}

// New returns a Checker that reads schemas as they are needed.
func New() *Checker {
	c := &Checker{strict: jsonschema.NewCompiler(), open: jsonschema.NewCompiler(), met: map[string]int{}}
	for _, compiler := range []*jsonschema.Compiler{c.strict, c.open} {
		compiler.AssertFormat()
	}
	c.strict.UseLoader(loader{closed: true})
	c.open.UseLoader(loader{})
	return c
}

// root is in front of the names of schemas, which are addresses to a compiler.
const root = "schemas:/"

// loader reads a schema of the product.
type loader struct{ closed bool }

func (l loader) Load(url string) (any, error) {
	text, err := schema.Read(strings.TrimPrefix(url, root))
	if err != nil {
		return nil, err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if l.closed {
		closeObjects(document)
	}
	return document, err
}

// closeObjects refuses, in every object that the document describes, fields
// that it does not.
func closeObjects(document any) {
	switch document := document.(type) {
	case map[string]any:
		if _, fields := document["properties"].(map[string]any); fields && document["type"] != nil {
			document["additionalProperties"] = false
		}
		for _, part := range document {
			closeObjects(part)
		}
	case []any:
		for _, part := range document {
			closeObjects(part)
		}
	}
}

// Event checks the envelope and, unless it was withheld or erased, the data.
func (c *Checker) Event(e *bridge.Event) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.met[e.Type]++
	if n := c.met[e.Type]; n > wholeEvents && n%thenOneOf != 0 {
		return nil
	}
	wire, err := e.Encode()
	if err != nil {
		return err
	}
	if err := c.check(c.strict, "event", wire); err != nil {
		return fmt.Errorf("envelope of %s: %w", e.Type, err)
	}
	if len(e.Data) == 0 {
		return nil
	}
	return c.check(c.strict, e.Type, e.Data)
}

// JSON checks a text as a receiver would: fields that are not described are
// allowed. The schema is named without its .json.
func (c *Checker) JSON(name string, text []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.check(c.open, name, text)
}

func (c *Checker) check(compiler *jsonschema.Compiler, name string, text []byte) error {
	if _, err := schema.Read(name + ".json"); err != nil {
		return fmt.Errorf("%s has no schema: give it a row in appliance/internal/schema/generate: %w", name, fs.ErrNotExist)
	}
	compiled, err := compiler.Compile(root + name + ".json")
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	if err := compiled.Validate(value); err != nil {
		return fmt.Errorf("%s is not what its schema says; if it should be, run go generate ./appliance/internal/schema: %w\n%s", name, err, text)
	}
	return nil
}

// Unmet are the types of the lanes of the journal of which no event was seen.
func (c *Checker) Unmet() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := slices.Collect(maps.Keys(c.met))
	var unmet []string
	for _, name := range schema.Names() {
		typ := strings.TrimSuffix(name, ".json")
		text, err := schema.Read(name)
		if err == nil && bytes.Contains(text, []byte(`"x-lane"`)) && !slices.Contains(seen, typ) {
			unmet = append(unmet, typ)
		}
	}
	return unmet
}
