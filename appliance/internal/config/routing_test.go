package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const station = "station: {id: s1}\ndata: {dir: /tmp/x}\n"

func parse(t *testing.T, text string, files map[string]string) (*Config, error) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	return Parse([]byte(station+text), dir, Supported{})
}

// The district that is shipped: 7 classes, 24 kinds, 29 partners, each of whom
// gets something.
func TestShippedRouting(t *testing.T) {
	text, err := os.ReadFile("../../../configs/routing.yaml")
	require.NoError(t, err)
	c, err := parse(t, "routing_file: routing.yaml", map[string]string{"routing.yaml": string(text)})
	require.NoError(t, err)
	kinds, used := 0, map[string]bool{}
	for _, class := range c.Routing.Classes {
		kinds += len(class.Kinds)
		for _, k := range class.Kinds {
			for _, id := range k.Partners {
				used[id] = true
			}
		}
	}
	require.Equal(t, []int{7, 24, 29, 29}, []int{len(c.Routing.Classes), kinds, len(c.Routing.Partners), len(used)})
}

// A station connects a partner of the shared file and keeps its name; both
// files are in the configuration's digest.
func TestRoutingFileIsConnected(t *testing.T) {
	shared := "partners: [{id: a, name: 甲, contact: '1'}, {id: b, name: 乙}]\nclasses: [{id: k, kinds: [{id: x, partners: [a, b]}]}]"
	own := `routing_file: shared.yaml
routing:
  partners: [{id: a, kind: mqtt, password_file: secret}, {id: c}]
  classes: [{id: l, name: 二, kinds: [{id: y, partners: [c], limit: 1h}]}]
`
	files := map[string]string{"shared.yaml": shared, "secret": "pw\n"}
	c, err := parse(t, own, files)
	require.NoError(t, err)
	require.Len(t, c.Routing.Partners, 3)
	require.Equal(t, []string{"甲", "1", "mqtt", "pw"}, []string{c.Routing.Partners[0].Name, c.Routing.Partners[0].Contact, c.Routing.Partners[0].Kind, c.Routing.Partners[0].Password})
	require.Equal(t, "c", c.Routing.Partners[2].Name)
	require.Len(t, c.Routing.Classes, 2)
	files["shared.yaml"] += "\n# changed\n"
	other, err := parse(t, own, files)
	require.NoError(t, err)
	require.NotEqual(t, c.Digest(), other.Digest())
}

func TestRoutingIsChecked(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown partner":       {"routing: {partners: [{id: a}], classes: [{id: k, kinds: [{id: x, partners: [b]}]}]}", `routing.classes[0].kinds[0].partners[0]: "b" is not among the partners`},
		"nobody":                {"routing: {classes: [{id: k, kinds: [{id: x}]}]}", "routing.classes[0].kinds[0].partners: is empty"},
		"partner twice":         {"routing: {partners: [{id: a}, {id: a}]}", `routing.partners[1].id: "a" is used twice`},
		"kind in two classes":   {"routing: {partners: [{id: a}], classes: [{id: k, kinds: [{id: x, partners: [a]}]}, {id: l, kinds: [{id: x, partners: [a]}]}]}", `routing.classes[1].kinds[0].id: "x" is used twice`},
		"no kinds":              {"routing: {classes: [{id: k}]}", "routing.classes[0].kinds: is empty"},
		"two proposals":         {"routing: {partners: [{id: a}], classes: [{id: k, kinds: [{id: x, partners: [a], reports: [r]}, {id: y, partners: [a], reports: [r]}]}]}", `routing.classes[0].kinds[1].reports[0]: "r" proposes kind x already`},
		"no limit":              {"routing: {partners: [{id: a}], classes: [{id: k, kinds: [{id: x, partners: [a], limit: 0s}]}]}", "routing.classes[0].kinds[0].limit: 0s; write 1m to 366d"},
		"a person's id":         {"persons: [{id: a}]\nrouting: {partners: [{id: a}]}", `routing.partners[0].id: "a" is the id of a person`},
		"unsigned":              {"routing: {partners: [{id: a, kind: webhook, url: 'http://x'}]}", "routing.partners[0].secret_file: is empty"},
		"credentials":           {"routing: {partners: [{id: a, kind: webhook, url: 'http://u:p@x'}]}", "routing.partners[0].url: holds credentials"},
		"no password":           {"routing: {partners: [{id: a, kind: mqtt}]}", "routing.partners[0].password_file: is empty"},
		"a topic of the broker": {"routing: {partners: [{id: a, kind: mqtt, topic: x}]}", `routing.partners[0].topic: "x" has no meaning with kind mqtt and the box's own broker`},
		"a filter":              {"routing: {partners: [{id: a, kind: mqtt, url: 'mqtt://x', topic: 'x/#'}]}", `routing.partners[0].topic: "x/#"; write a topic`},
		"a line without a kind": {"routing: {partners: [{id: a, url: 'http://x'}]}", `routing.partners[0].url: "http://x" has no meaning with kind none`},
		"backlog":               {"routing: {partners: [{id: a, max_backlog: {age: 1m}}]}", "routing.partners[0].max_backlog.age: 1m0s; write 1h to 365d"},
		"no file":               {"routing_file: nowhere.yaml", "routing_file: open"},
		"unknown key in a file": {"routing_file: shared.yaml", "routing_file.nonsense: unknown key (line 1); known here: partners, classes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(t, c.text, map[string]string{"shared.yaml": "nonsense: 1"})
			require.ErrorContains(t, err, c.want)
			require.False(t, strings.Contains(err.Error(), "u:p"))
		})
	}
}
