package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

const module = "github.com/watchpost-edge/watchpost/"

// source is what the Go source says of the payloads and reflection cannot:
// the comments of fields, and which values a named string type has.
type source struct {
	comments map[string]string // package path.Type.Field
	values   map[string][]any  // package path.Type, in the order of the source
}

// readSource reads the packages, whose paths are below the module's.
func readSource(root string, packages ...string) (*source, error) {
	s := &source{comments: map[string]string{}, values: map[string][]any{}}
	for _, name := range packages {
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(name), "*.go"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", file, err)
			}
			s.file(module+name, parsed)
		}
	}
	return s, nil
}

func (s *source) file(pkg string, file *ast.File) {
	for _, decl := range file.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				s.fields(pkg+"."+spec.Name.Name, spec.Type)
			case *ast.ValueSpec:
				s.constants(pkg, spec)
			}
		}
	}
}

// fields takes the comments of a struct's fields: the line's own, else the one
// above. A struct without a name is called by its field.
func (s *source) fields(owner string, typ ast.Expr) {
	structure, ok := typ.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range structure.Fields.List {
		comment := f.Comment.Text()
		if comment == "" {
			comment = f.Doc.Text()
		}
		for _, name := range f.Names {
			s.comments[owner+"."+name.Name] = strings.Join(strings.Fields(comment), " ")
			s.fields(owner+"."+name.Name, f.Type)
		}
	}
}

func (s *source) constants(pkg string, spec *ast.ValueSpec) {
	typ, ok := spec.Type.(*ast.Ident)
	if !ok {
		return
	}
	for _, value := range spec.Values {
		if literal, ok := value.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if text, err := strconv.Unquote(literal.Value); err == nil {
				s.values[pkg+"."+typ.Name] = append(s.values[pkg+"."+typ.Name], text)
			}
		}
	}
}

// generatePath is this package's own, which reflection calls main.
const generatePath = "appliance/internal/schema/generate"

func nameOf(t reflect.Type) string {
	if t.PkgPath() == "main" {
		return module + generatePath + "." + t.Name()
	}
	return t.PkgPath() + "." + t.Name()
}

// moduleRoot is the folder of go.mod, at or above dir.
func moduleRoot(dir string) (string, error) {
	at, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at, nil
		}
		up := filepath.Dir(at)
		if at == up {
			return "", fmt.Errorf("find go.mod above %s: run this inside the repository", dir)
		}
		at = up
	}
}
