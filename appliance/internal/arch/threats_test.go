package arch

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The threat table names the test that shows what happens; a test that was
// renamed or taken out must be missed there.
func TestEveryThreatHasItsTest(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "appliance", "README.md"))
	require.NoError(t, err)
	_, table, found := strings.Cut(string(text), "## Threats")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n## ")
	tests := make(map[string]bool)
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	collect := func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			if entry != nil && entry.Name() == "node_modules" {
				return filepath.SkipDir
			}
			return err
		}
		source, err := os.ReadFile(path)
		for _, match := range declared.FindAllStringSubmatch(string(source), -1) {
			tests[match[1]] = true
		}
		return err
	}
	for _, folder := range []string{"appliance", "ingest"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root(t), folder), collect))
	}
	named := regexp.MustCompile("`(Test\\w+)").FindAllStringSubmatch(table, -1)
	require.Greater(t, len(named), 20)
	for _, match := range named {
		require.True(t, tests[match[1]], "the threat table names %s, which is no test", match[1])
	}
}
