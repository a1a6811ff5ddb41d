// Package schema owns the descriptions of what leaves and enters the box as
// messages: a JSON Schema (2020-12) of every type of event and of every
// message, their index, and the AsyncAPI document. They are written by generate
// from the Go types, so that a changed contract is a changed file here.
//
// It refuses nothing and imports nothing of ours: it serves files. What is not
// there is reported as such.
package schema

import "embed"

//go:generate go run ./generate

//go:embed json
var files embed.FS

//go:embed index.json
var index []byte

//go:embed asyncapi.json
var asyncapi []byte

// Read gives a schema by its file's name, like watchpost.alert.raised.json.
// The error is an fs.ErrNotExist or fs.ErrInvalid.
func Read(name string) ([]byte, error) { return files.ReadFile("json/" + name) }

// Names are the file names of all schemas, sorted.
func Names() []string {
	entries, err := files.ReadDir("json")
	if err != nil {
		return nil // it is part of the program
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}

// Index lists all schemas: name, title, lane, address.
func Index() []byte { return index }

// AsyncAPI is the AsyncAPI 3.0 document of all topics.
func AsyncAPI() []byte { return asyncapi }
