package schema_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/schema"
	"github.com/watchpost-edge/watchpost/appliance/internal/schema/schematest"
	"github.com/watchpost-edge/watchpost/bridge"
)

// released are the events of the journals of all releases.
func released(t *testing.T) []bridge.Event {
	t.Helper()
	journals, err := filepath.Glob("../desk/testdata/*.jsonl")
	require.NoError(t, err)
	require.NotEmpty(t, journals)
	var events []bridge.Event
	for _, path := range journals {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
			e, err := bridge.DecodeEvent(lines.Bytes())
			require.NoError(t, err)
			events = append(events, e)
		}
	}
	return events
}

// TestJournalsOfReleasesFit: what an old box wrote is still what the schemas
// say, also when its data was withheld or erased.
func TestJournalsOfReleasesFit(t *testing.T) {
	c := schematest.New()
	for _, e := range released(t) {
		whole, err := e.Encode()
		require.NoError(t, err)
		require.NoError(t, c.JSON("event", whole))
		require.NoError(t, c.JSON(e.Type, e.Data))
		withheld := e.Withheld()
		bare, err := withheld.Encode()
		require.NoError(t, err)
		require.NoError(t, c.JSON("event", bare))
		e.DataSalt = ""
		unsalted, err := e.Encode()
		require.NoError(t, err)
		require.Error(t, c.JSON("event", unsalted), "data goes with its salt")
	}
}

// TestRequiredAndUnknownFields: without a required field no event fits; one
// more field, anywhere, changes nothing.
func TestRequiredAndUnknownFields(t *testing.T) {
	c := schematest.New()
	for _, e := range released(t) {
		text, err := schema.Read(e.Type + ".json")
		require.NoError(t, err)
		var document struct{ Required []string }
		require.NoError(t, json.Unmarshal(text, &document))
		require.Contains(t, document.Required, "schema")
		for _, name := range document.Required {
			less := object{}
			require.NoError(t, json.Unmarshal(e.Data, &less))
			delete(less, name)
			b, err := json.Marshal(less)
			require.NoError(t, err)
			require.Error(t, c.JSON(e.Type, b), "%s without %s", e.Type, name)
		}
		var more any
		require.NoError(t, json.Unmarshal(e.Data, &more))
		b, err := json.Marshal(grown(more))
		require.NoError(t, err)
		require.NoError(t, c.JSON(e.Type, b))
		require.Error(t, c.Event(&bridge.Event{
			SpecVersion: "1.0", ID: e.ID, Source: e.Source, Type: e.Type, Time: e.Time, RecordedTime: e.RecordedTime, Subject: e.Subject,
			Epoch: e.Epoch, Lane: e.Lane, Sequence: e.Sequence, PrevHash: e.PrevHash, DataHash: e.DataHash, DataSalt: e.DataSalt,
			Severity: e.Severity, Data: b,
		}), "the product may not write what no schema describes")
	}
}

// grown adds a field to every object.
func grown(value any) any {
	switch value := value.(type) {
	case object:
		for key, part := range value {
			value[key] = grown(part)
		}
		value["of_the_future"] = 1
	case []any:
		for i, part := range value {
			value[i] = grown(part)
		}
	}
	return value
}

// TestEverySchemaIsWhole: it compiles, its examples fit it, every field says
// what it is, and the index has it.
func TestEverySchemaIsWhole(t *testing.T) {
	c := schematest.New()
	var index struct {
		Event, AsyncAPI string
		Schemas         []struct{ Name, Href, Title, Lane string }
	}
	require.NoError(t, json.Unmarshal(schema.Index(), &index))
	require.Len(t, index.Schemas, len(schema.Names()))
	for _, entry := range index.Schemas {
		require.NotEmpty(t, entry.Title, entry.Name)
		name, below := strings.CutPrefix(entry.Href, "/api/schemas/")
		require.True(t, below)
		text, err := schema.Read(name)
		require.NoError(t, err)
		var document object
		require.NoError(t, json.Unmarshal(text, &document))
		require.Equal(t, name, document["$id"])
		described(t, entry.Name, document)
		examples, _ := document["examples"].([]any)
		for _, example := range examples {
			b, err := json.Marshal(example)
			require.NoError(t, err)
			require.NoError(t, c.JSON(entry.Name, b))
		}
		require.Error(t, c.JSON(entry.Name, []byte(`[]`)), entry.Name)
	}
	_, err := schema.Read("../schema.go")
	require.Error(t, err)
}

func described(t *testing.T, at string, part any) {
	t.Helper()
	switch part := part.(type) {
	case object:
		fields, _ := part["properties"].(object)
		for name, field := range fields {
			require.NotEmpty(t, field.(object)["description"], "%s.%s", at, name)
		}
		for name, inner := range part {
			described(t, at+"/"+name, inner)
		}
	case []any:
		for _, inner := range part {
			described(t, at, inner)
		}
	}
}
