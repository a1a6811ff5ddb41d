package arch

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/watchpost-edge/watchpost/"

// allowed says what each package of ours may import of ours: the picture of
// the README as a table. A trailing /* stands for everything below; tests may
// import what they like.
var allowed = map[string][]string{
	"ingest":                               {},
	"ingest/feed":                          {},
	"ingest/rtsp":                          {"ingest"},
	"ingest/mqtt":                          {},
	"ingest/pillar":                        {"ingest"},
	"ingest/drone":                         {"ingest"},
	"ingest/owntracks":                     {"ingest"},
	"vision":                               {"ingest", "ingest/feed", "vision/internal/assign", "vision/internal/slice"},
	"vision/internal/assign":               {},
	"vision/internal/clearmot":             {"vision/internal/assign"}, // for tests
	"vision/avcodec":                       {"vision", "ingest"},
	"vision/detect":                        {"vision"},
	"vision/render":                        {"vision", "ingest", "ingest/feed"},
	"vision/internal/footage":              {"ingest"}, // for tests
	"vision/internal/slice":                {"ingest"},
	"bridge":                               {},
	"bridge/journal":                       {"bridge"},
	"bridge/journal/internal/forgetful":    {}, // for tests
	"bridge/uplink/*":                      {"bridge"},
	"bridge/uplink/uplinktest":             {"bridge", "bridge/journal"}, // for tests
	"bridge/upload":                        {"bridge"},
	"bridge/evidence":                      {"bridge"},
	"appliance/internal/arch":              {},
	"appliance/internal/config":            {},
	"appliance/internal/access":            {},
	"appliance/internal/certs":             {},
	"appliance/internal/desk":              {"ingest", "vision", "bridge"},
	"appliance/internal/media":             {"ingest", "ingest/feed", "appliance/internal/media/*"},
	"appliance/internal/media/*":           {},
	"appliance/internal/clip":              {"ingest", "ingest/feed", "appliance/internal/media", "appliance/internal/media/*"},
	"appliance/internal/blind":             {},
	"appliance/internal/picture":           {},
	"appliance/internal/partner":           {"ingest", "bridge", "appliance/internal/desk"},
	"appliance/internal/review":            {"ingest", "bridge", "appliance/internal/desk"},
	"appliance/internal/health":            {},
	"appliance/internal/wall":              {"ingest", "ingest/feed", "bridge", "appliance/internal/desk", "appliance/internal/partner", "appliance/internal/access", "appliance/internal/media", "appliance/internal/picture", "appliance/internal/health", "appliance/internal/review", "appliance/internal/schema", "appliance/internal/wall/*"},
	"appliance/internal/wall/*":            {"ingest", "ingest/feed"},
	"appliance/internal/schema":            {},
	"appliance/internal/schema/generate":   {"ingest", "ingest/*", "bridge", "appliance/internal/desk", "appliance/internal/partner"},
	"appliance/internal/schema/schematest": {"bridge", "appliance/internal/schema"}, // for tests
	"appliance/internal/station":           {"ingest", "ingest/*", "vision", "vision/render", "bridge", "bridge/*", "appliance/internal/*"},
	"appliance/internal/station/*":         {},
	"appliance/bench":                      {}, // for tests
	"appliance/e2e":                        {},
	"appliance":                            {"ingest", "ingest/*", "vision", "vision/*", "bridge", "bridge/*", "appliance/internal/*"},
	"configs/examples":                     {},
	"configs/examples/*":                   {},
	"firmware-sim":                         {"firmware-sim/*"},
	"firmware-sim/*":                       {"firmware-sim/*"},
}

type pkg struct {
	path, doc, dir string
	imports        []string
}

func packages(t *testing.T) []pkg {
	cmd := exec.Command("go", "list", "-e", "-f", `{{.ImportPath}}{{"\t"}}{{.Doc}}{{"\t"}}{{.Dir}}{{"\t"}}{{join .Imports ","}}`, "./...")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	require.NoError(t, err)
	var list []pkg
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		f := strings.Split(lines.Text(), "\t")
		require.Len(t, f, 4, lines.Text())
		list = append(list, pkg{path: strings.TrimPrefix(f[0], module), doc: f[1], dir: f[2], imports: strings.Split(f[3], ",")})
	}
	require.NotEmpty(t, list)
	return list
}

func root(t *testing.T) string {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	require.NoError(t, err)
	return filepath.Dir(strings.TrimSpace(string(out)))
}

func match(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		below, wild := strings.CutSuffix(p, "/*")
		return p == name || wild && strings.HasPrefix(name, below+"/")
	})
}

// rule finds the longest key of allowed that fits.
func rule(name string) (string, bool) {
	best := ""
	for p := range allowed {
		if match([]string{p}, name) && len(p) > len(best) {
			best = p
		}
	}
	return best, best != ""
}

func TestImportsPointBackTheWayDataCame(t *testing.T) {
	for _, p := range packages(t) {
		key, known := rule(p.path)
		require.True(t, known, "package %s is not in the table: give it a row, and the architecture picture a place", p.path)
		for _, imp := range p.imports {
			ours, is := strings.CutPrefix(imp, module)
			if is && !match(allowed[key], ours) {
				t.Errorf("%s imports %s; it may import only %v of ours", p.path, ours, allowed[key])
			}
		}
	}
}

func TestOnlyMainImportsTheCgoLeaves(t *testing.T) {
	for _, p := range packages(t) {
		for _, imp := range p.imports {
			leaf := strings.TrimPrefix(imp, module)
			if (leaf == "vision/avcodec" || leaf == "vision/detect") && p.path != "appliance" {
				t.Errorf("%s imports %s; only appliance may", p.path, leaf)
			}
		}
	}
}

func TestEveryPackageSaysWhatItOwns(t *testing.T) {
	for _, p := range packages(t) {
		if p.doc == "" && !onlyTests(p.dir) {
			t.Errorf("%s has no package comment", p.path)
		}
	}
}

func onlyTests(dir string) bool {
	files, _ := filepath.Glob(filepath.Join(dir, "*.go"))
	return !slices.ContainsFunc(files, func(f string) bool { return !strings.HasSuffix(f, "_test.go") })
}

func TestRootListingIsFixed(t *testing.T) {
	want := []string{"appliance", "ingest", "vision", "bridge", "firmware-sim", "configs", "Dockerfile", "go.mod", "go.sum", "README.md", "LICENSE", "Makefile"}
	for _, f := range tracked(t) {
		top, _, _ := strings.Cut(f, "/")
		if !strings.HasPrefix(top, ".") && !slices.Contains(want, top) {
			t.Errorf("%s stands at the root, which is fixed: %v", f, want)
		}
	}
}

func TestEveryTopFolderHasAReadme(t *testing.T) {
	for _, dir := range []string{"appliance", "ingest", "vision", "bridge", "firmware-sim", "configs"} {
		require.FileExists(t, filepath.Join(root(t), dir, "README.md"))
	}
}

func TestFilesAreShortAndTestsDoNotSleep(t *testing.T) {
	for _, f := range tracked(t) {
		if path.Ext(f) != ".go" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root(t), f))
		if os.IsNotExist(err) {
			continue // deleted, not yet committed
		}
		require.NoError(t, err)
		if n := bytes.Count(text, []byte("\n")); n > 450 && !strings.HasSuffix(f, "_test.go") {
			t.Errorf("%s has %d lines: more than one idea?", f, n)
		}
		if strings.HasSuffix(f, "_test.go") && f != "appliance/internal/arch/arch_test.go" && bytes.Contains(text, []byte("time.Sleep(")) {
			t.Errorf("%s sleeps; wait for a condition", f)
		}
	}
}

func tracked(t *testing.T) []string {
	cmd := exec.Command("git", "ls-files")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	require.NoError(t, err, "the repository's rules are checked on a git checkout")
	return strings.Fields(string(out))
}
