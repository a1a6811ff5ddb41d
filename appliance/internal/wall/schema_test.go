package wall_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func document(t *testing.T) object {
	t.Helper()
	text, err := os.ReadFile("openapi.json")
	require.NoError(t, err)
	decoded := object{}
	require.NoError(t, json.Unmarshal(text, &decoded))
	return decoded
}

// matches checks a body against a schema of openapi.json: what is required is
// there, and what is there is described.
func matches(t *testing.T, schema string, body any) {
	t.Helper()
	schemas := document(t)["components"].(object)["schemas"].(object)
	checkValue(t, schemas, schema, object{"$ref": "#/components/schemas/" + schema}, body)
}

func checkValue(t *testing.T, schemas object, where string, schema object, value any) {
	t.Helper()
	if ref, ok := schema["$ref"].(string); ok {
		named, ok := schemas[strings.TrimPrefix(ref, "#/components/schemas/")].(object)
		require.True(t, ok, ref)
		checkValue(t, schemas, where, named, value)
		return
	}
	if values, ok := schema["enum"].([]any); ok {
		require.Contains(t, values, value, where)
	}
	switch schema["type"] {
	case "object":
		fields, ok := value.(object)
		require.True(t, ok, "%s: want an object, is %v", where, value)
		checkObject(t, schemas, where, schema, fields)
	case "array":
		items, ok := value.([]any)
		require.True(t, ok, "%s: want an array, is %v", where, value)
		for _, item := range items {
			checkValue(t, schemas, where+"[]", schema["items"].(object), item)
		}
	case "string":
		require.IsType(t, "", value, where)
	case "boolean":
		require.IsType(t, true, value, where)
	case "integer", "number":
		require.IsType(t, 1.0, value, where)
	}
}

func checkObject(t *testing.T, schemas object, where string, schema, fields object) {
	t.Helper()
	properties, _ := schema["properties"].(object)
	required, _ := schema["required"].([]any)
	for _, name := range required {
		require.Contains(t, fields, name, "%s lacks a required field", where)
	}
	for name, field := range fields {
		if property, ok := properties[name].(object); ok {
			checkValue(t, schemas, where+"."+name, property, field)
			continue
		}
		rest, ok := schema["additionalProperties"]
		require.True(t, ok, "%s.%s is not described", where, name)
		if item, ok := rest.(object); ok {
			checkValue(t, schemas, where+"."+name, item, field)
		}
	}
}

// described are the routes of openapi.json, as fiber writes them.
func described(t *testing.T) []string {
	var routes []string
	for path, methods := range document(t)["paths"].(object) {
		for method := range methods.(object) {
			routes = append(routes, strings.ToUpper(method)+" "+regexp.MustCompile(`\{(\w+)\}`).ReplaceAllString(path, ":$1"))
		}
	}
	slices.Sort(routes)
	return routes
}
