package main

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/partner"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest/owntracks"
	"github.com/watchpost-edge/watchpost/ingest/pillar"
)

// TestWhatIsCommittedIsWhatTheTypesSay: a payload that changes changes its
// schema, in the same commit.
func TestWhatIsCommittedIsWhatTheTypesSay(t *testing.T) {
	files, err := generate(".")
	require.NoError(t, err)
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
		require.NoError(t, err, "run go generate ./appliance/internal/schema and commit what it writes")
		require.Equal(t, string(want), string(got), "%s: run go generate ./appliance/internal/schema and commit what it writes", name)
	}
	old, err := filepath.Glob("../json/*.json")
	require.NoError(t, err)
	require.Len(t, old, len(files)-2, "a schema is left of something that is gone: run go generate ./appliance/internal/schema")
}

// TestEveryTypeHasARow: the types that the source of the product names, and
// those of the table, are the same.
func TestEveryTypeHasARow(t *testing.T) {
	root, err := moduleRoot(".")
	require.NoError(t, err)
	named := map[string]bool{}
	for _, typ := range desk.AccessTypes() { // made of their kinds
		named[typ] = true
	}
	for _, news := range []string{desk.NewsIssued, desk.NewsReturned, desk.NewsCancelled, desk.NewsConfirmed} {
		named["watchpost.order."+news] = true
	}
	for _, part := range []string{"appliance", "bridge", "ingest", "vision"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, part), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.Name() == "node_modules" || d.Name() == "generate" {
				return skip(d, err)
			}
			if filepath.Ext(path) == ".go" && !strings.HasSuffix(path, "_test.go") {
				typesIn(t, path, named)
			}
			return nil
		}))
	}
	rows := map[string]bool{}
	for _, e := range events() {
		require.False(t, rows[e.typ], "%s has two rows", e.typ)
		rows[e.typ] = true
	}
	for _, m := range messages() {
		if strings.HasPrefix(m.name, "watchpost.") {
			rows[m.name] = true
		}
	}
	require.Equal(t, slices.Sorted(maps.Keys(named)), slices.Sorted(maps.Keys(rows)), "every type needs its row in events.go, and no other has one")
}

func skip(d fs.DirEntry, err error) error {
	if err == nil && d.IsDir() {
		return fs.SkipDir
	}
	return err
}

// typesIn collects the names of types that stand in a file: whole ones, and
// what is put behind the name accessPrefix.
func typesIn(t *testing.T, path string, into map[string]bool) {
	whole := regexp.MustCompile(`^watchpost\.[a-z]+\.[a-z_]+$`)
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && whole.MatchString(text) {
				into[text] = true
			}
		case *ast.BinaryExpr:
			left, named := n.X.(*ast.Ident)
			right, literal := n.Y.(*ast.BasicLit)
			if named && literal && left.Name == "accessPrefix" {
				if text, err := strconv.Unquote(right.Value); err == nil {
					into["watchpost.access."+text] = true
				}
			}
		}
		return true
	})
}

// TestDecodersTakeTheExamples: what the schemas show is what the product reads.
func TestDecodersTakeTheExamples(t *testing.T) {
	decoders := map[string]func(payload []byte) error{
		"press": func(b []byte) error { _, err := pillar.Decode("pillar/P-1/press", b, time.Now()); return err },
		"pillar-status": func(b []byte) error {
			_, err := pillar.DecodeStatus("pillar/P-1/status", b, time.Now())
			return err
		},
		"location": func(b []byte) error { _, err := owntracks.Decode("owntracks/wu/phone", b, time.Now()); return err },
		"reply":    func(b []byte) error { _, err := partner.ReadReply(b); return err },
		"receipt":  func(b []byte) error { _, err := bridge.DecodeReceipt(b); return err },
		"replay":   func(b []byte) error { _, err := bridge.DecodeReplay(b); return err },
	}
	tried := 0
	for _, m := range messages() {
		for _, example := range m.examples {
			if decode := decoders[m.name]; decode != nil {
				require.NoError(t, decode(example.(json.RawMessage)), m.name)
				tried++
			}
		}
	}
	require.GreaterOrEqual(t, tried, len(decoders))
}
