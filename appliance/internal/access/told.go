package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Told is which state of each user the journal knows of. The wall tells of its
// own changes; those that `watchpost user` makes beside it, and those that the
// wall made and could not write into the journal, are found by what differs.
type Told struct {
	path  string
	users *Users
	known map[string]told
}

type told struct {
	Role     Role   `json:"role"`
	Disabled bool   `json:"disabled,omitempty"`
	Serial   uint64 `json:"serial"`
}

// OpenTold reads users.told.json in dir; a missing file knows nobody.
func OpenTold(dir string, users *Users) (*Told, error) {
	t := &Told{path: filepath.Join(dir, "users.told.json"), users: users, known: make(map[string]told)}
	text, err := os.ReadFile(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &t.known)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w (delete it: all users are told of anew)", t.path, err)
	}
	return t, nil
}

// Tell calls tell with each change that somebody made beside the wall, in
// words, and remembers those that were told.
func (t *Told) Tell(tell func(name, what string) error) error {
	list, err := t.users.List()
	if err != nil {
		return err
	}
	changed := false
	for _, u := range list {
		now, before := told{u.Role, u.Disabled, u.Serial}, t.known[u.Name]
		if now == before {
			continue
		}
		own, said := t.users.own(u.Name, u.Serial)
		if own && !said {
			continue // it is being told
		}
		if !own {
			if err := tell(u.Name, difference(u, before)); err != nil {
				return err
			}
		}
		t.known[u.Name], changed = now, true
	}
	if !changed {
		return nil
	}
	text, err := json.Marshal(t.known)
	if err != nil {
		return fmt.Errorf("write %s: %w", t.path, err)
	}
	return replaceFile(t.path, text)
}

func difference(u User, before told) string {
	switch {
	case before.Serial == 0:
		return "made " + u.Name + ", role " + string(u.Role) + ", on the box"
	case u.Disabled && !before.Disabled:
		return "changed " + u.Name + ": disabled, on the box"
	case u.Role != before.Role:
		return "changed " + u.Name + ": role " + string(before.Role) + " → " + string(u.Role) + ", on the box"
	}
	return "changed " + u.Name + ": new password or other limits, on the box"
}
