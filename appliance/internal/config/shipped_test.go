package config

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const shipped = "../../../configs/station.yaml"

func TestShippedFileShowsTheDefaults(t *testing.T) {
	text, err := os.ReadFile(shipped)
	require.NoError(t, err)
	withID := strings.Replace(string(text), "#~  id:", "  id:", 1)
	got, err := Parse([]byte(withID), "/", Supported{})
	require.NoError(t, err)
	want := Default()
	want.Station.ID = "jingdong"
	want.Data.Journal.Dir = "/var/lib/watchpost/journal"
	want.Cameras, want.Pillars, want.Drones, want.Uplinks, want.Places = []Camera{}, []Pillar{}, []Drone{}, []Uplink{}, []Place{}
	want.Templates = []Template{}
	want.Persons, want.Teams, want.Shifts = []Person{}, []Team{}, []Shift{}
	want.Patrols, want.Drills = []Patrol{}, []Drill{}
	want.location, want.digest = got.location, got.digest
	require.Equal(t, &want, got)
}

func TestShippedFileShowsEveryKeyAndItsExamplesAreValid(t *testing.T) {
	text, err := os.ReadFile(shipped)
	require.NoError(t, err)
	full := regexp.MustCompile(`(?m)^(cameras|pillars|drones|uplinks|places|templates|persons|teams|shifts|patrols|drills): \[\]\n`).ReplaceAllString(string(text), "")
	full = strings.ReplaceAll(full, "#~", "")
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "secrets"), 0o700))
	for _, name := range []string{"gate-east", "P-001", "hq", "city", "zhang"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "secrets", name), []byte("x"), 0o600))
	}
	_, err = Parse([]byte(full), dir, Supported{})
	require.NoError(t, err)
	for _, key := range keys(reflect.TypeFor[Config](), map[reflect.Type]bool{}) {
		require.Regexp(t, `[\s{,]`+key+`:`, full, "key %s is not shown", key)
	}
}

func keys(t reflect.Type, seen map[reflect.Type]bool) []string {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] {
		return nil
	}
	seen[t] = true
	var list []string
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("yaml"); tag != "" && tag != "-" {
			list = append(list, tag)
			list = append(list, keys(t.Field(i).Type, seen)...)
		}
	}
	return list
}
