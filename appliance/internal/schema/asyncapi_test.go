package schema_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/schema"
)

type object = map[string]any

func document(t *testing.T) object {
	t.Helper()
	all := object{}
	require.NoError(t, json.Unmarshal(schema.AsyncAPI(), &all))
	return all
}

// TestAsyncAPIIsOne checks the document against the standard's own schema
// (npm's @asyncapi/specs 6.8.1, Apache-2.0).
func TestAsyncAPIIsOne(t *testing.T) {
	file, err := os.Open("testdata/asyncapi-3.0.0.schema.json.gz")
	require.NoError(t, err)
	defer file.Close()
	text, err := gzip.NewReader(file)
	require.NoError(t, err)
	standard, err := jsonschema.UnmarshalJSON(text)
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("asyncapi.json", standard))
	compiled, err := compiler.Compile("asyncapi.json")
	require.NoError(t, err)
	ours, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema.AsyncAPI()))
	require.NoError(t, err)
	require.NoError(t, compiled.Validate(ours))
}

// TestAsyncAPIRefersToWhatIsThere: every $ref resolves, and every message and
// every schema of an event that leaves the box is referred to.
func TestAsyncAPIRefersToWhatIsThere(t *testing.T) {
	all := document(t)
	used := map[string]bool{}
	var walk func(at string, value any)
	walk = func(at string, value any) {
		switch value := value.(type) {
		case object:
			if ref, is := value["$ref"].(string); is {
				used[ref] = true
				if path, inside := strings.CutPrefix(ref, "#/"); inside {
					require.NotNil(t, resolve(all, path), "%s: %s leads nowhere", at, ref)
				} else {
					name, below := strings.CutPrefix(ref, "schemas/")
					require.True(t, below, "%s: %s is not below /api/schemas", at, ref)
					_, err := schema.Read(name)
					require.NoError(t, err, at)
				}
			}
			for key, part := range value {
				walk(at+"/"+key, part)
			}
		case []any:
			for _, part := range value {
				walk(at, part)
			}
		}
	}
	walk("", all)
	for name := range all["components"].(object)["messages"].(object) {
		require.True(t, used["#/components/messages/"+name], "no channel has %s", name)
	}
	for id := range all["channels"].(object) {
		require.True(t, used["#/channels/"+id], "no operation has %s", id)
	}
}

// resolve follows a JSON pointer and the references on its way.
func resolve(all object, path string) any {
	var at any = all
	for _, part := range strings.Split(path, "/") {
		in, ok := at.(object)
		if !ok {
			return nil
		}
		at = in[part]
		if ref, is := at.(object); is && ref["$ref"] != nil {
			at = resolve(all, strings.TrimPrefix(ref["$ref"].(string), "#/"))
		}
	}
	return at
}

func TestAsyncAPINamesEachPartOfATopic(t *testing.T) {
	for id, value := range document(t)["channels"].(object) {
		channel := value.(object)
		var names []string
		for _, found := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(channel["address"].(string), -1) {
			names = append(names, found[1])
		}
		parameters, _ := channel["parameters"].(object)
		require.ElementsMatch(t, names, slices.Collect(maps.Keys(parameters)), id)
		for name, parameter := range parameters {
			require.NotEmpty(t, parameter.(object)["description"], "%s.%s", id, name)
		}
	}
}
