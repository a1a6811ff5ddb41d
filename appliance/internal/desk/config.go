package desk

import (
	"slices"

	"github.com/watchpost-edge/watchpost/bridge"
)

// TypeConfigChanged says that somebody changed the configuration.
const TypeConfigChanged = "watchpost.config.changed"

const configNamesMax = 256 // of one list

// ConfigChanged is the data of config.changed: names only, no secrets.
type ConfigChanged struct {
	Schema  int      `json:"schema"`
	What    string   `json:"what"` // cameras
	By      string   `json:"by"`
	Added   []string `json:"added"`
	Changed []string `json:"changed"`
	Removed []string `json:"removed"`
	More    int      `json:"more,omitempty"` // names that are not listed
}

// ConfigChangedIn says that an administrator changed part of the configuration.
type ConfigChangedIn struct {
	What                    string
	Added, Changed, Removed []string
	By                      Actor
}

func (in ConfigChangedIn) decide(t *step, _ *bridge.Record) error { return t.configChanged(in) }

func (t *step) configChanged(in ConfigChangedIn) error {
	if err := texts("what", in.What, "by", in.By.Name); err != nil {
		return err
	}
	data := ConfigChanged{Schema: schema, What: in.What, By: in.By.Name}
	for _, one := range []struct {
		into *[]string
		from []string
	}{{&data.Added, in.Added}, {&data.Changed, in.Changed}, {&data.Removed, in.Removed}} {
		names := slices.Clone(one.from)
		data.More += max(0, len(names)-configNamesMax)
		*one.into = append([]string{}, names[:min(len(names), configNamesMax)]...)
	}
	t.add(bridge.Draft{Type: TypeConfigChanged, Subject: "config/" + in.What, Lane: bridge.Notice}, data)
	return nil
}
