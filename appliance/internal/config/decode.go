package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Problem is one thing wrong with the configuration.
type Problem struct {
	Key  string // cameras[2].streams.main
	Text string // what is wrong and what to do
}

func (p Problem) String() string { return p.Key + ": " + p.Text }

// Problems is all that is wrong with a configuration.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

func (ps *Problems) add(key, format string, args ...any) {
	*ps = append(*ps, Problem{Key: key, Text: fmt.Sprintf(format, args...)})
}

type defaulter interface{ setDefaults() }

// decode fills v from the node, noting every unknown key and bad value with
// its path instead of stopping at the first.
func decode(n *yaml.Node, v reflect.Value, path string, ps *Problems) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return
	}
	_, leaf := v.Addr().Interface().(yaml.Unmarshaler)
	switch {
	case leaf:
		decodeLeaf(n, v, path, ps)
	case v.Kind() == reflect.Struct:
		decodeStruct(n, v, path, ps)
	case v.Kind() == reflect.Slice:
		decodeSlice(n, v, path, ps)
	case v.Kind() == reflect.Map:
		decodeMap(n, v, path, ps)
	default:
		decodeLeaf(n, v, path, ps)
	}
}

func decodeLeaf(n *yaml.Node, v reflect.Value, path string, ps *Problems) {
	err := n.Decode(v.Addr().Interface())
	if err == nil {
		return
	}
	if n.Kind != yaml.ScalarNode {
		ps.add(path, "has the wrong shape (line %d); want %s", n.Line, describe(v.Type()))
		return
	}
	if typed := (*yaml.TypeError)(nil); errors.As(err, &typed) {
		ps.add(path, "%q is not %s (line %d)", n.Value, describe(v.Type()), n.Line)
		return
	}
	ps.add(path, "%v (line %d)", err, n.Line)
}

func decodeStruct(n *yaml.Node, v reflect.Value, path string, ps *Problems) {
	if n.Kind != yaml.MappingNode {
		ps.add(path, "want a mapping of keys (line %d)", n.Line)
		return
	}
	fields := map[string]reflect.Value{}
	var names []string
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag.Get("yaml")
		if tag != "" && tag != "-" {
			fields[tag] = v.Field(i)
			names = append(names, tag)
		}
	}
	twice(n, path, ps)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		field, known := fields[key]
		if !known {
			ps.add(join(path, key), "unknown key (line %d); known here: %s", n.Content[i].Line, strings.Join(names, ", "))
			continue
		}
		decode(n.Content[i+1], field, join(path, key), ps)
	}
}

func decodeSlice(n *yaml.Node, v reflect.Value, path string, ps *Problems) {
	if n.Kind != yaml.SequenceNode {
		ps.add(path, "want a list (line %d)", n.Line)
		return
	}
	list := reflect.MakeSlice(v.Type(), 0, len(n.Content))
	for i, item := range n.Content {
		list = reflect.Append(list, decodeNew(item, v.Type().Elem(), fmt.Sprintf("%s[%d]", path, i), ps))
	}
	v.Set(list)
}

func decodeMap(n *yaml.Node, v reflect.Value, path string, ps *Problems) {
	if n.Kind != yaml.MappingNode {
		ps.add(path, "want a mapping of names (line %d)", n.Line)
		return
	}
	twice(n, path, ps)
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		item := reflect.New(v.Type().Elem()).Elem()
		if old := v.MapIndex(reflect.ValueOf(key)); old.IsValid() {
			item.Set(old)
		}
		decode(n.Content[i+1], item, join(path, key), ps)
		v.SetMapIndex(reflect.ValueOf(key), item)
	}
}

func decodeNew(n *yaml.Node, t reflect.Type, path string, ps *Problems) reflect.Value {
	item := reflect.New(t)
	if d, ok := item.Interface().(defaulter); ok {
		d.setDefaults()
	}
	decode(n, item.Elem(), path, ps)
	return item.Elem()
}

// twice notes keys that stand more than once in a mapping: the later one would
// win without a word.
func twice(n *yaml.Node, path string, ps *Problems) {
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		if seen[key] {
			ps.add(join(path, key), "stands twice (line %d); keep one", n.Content[i].Line)
		}
		seen[key] = true
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func describe(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Array, reflect.Slice:
		return "a list"
	}
	return "a text"
}
