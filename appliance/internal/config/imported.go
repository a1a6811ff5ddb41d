package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Cameras that were imported live in a table below data.dir, which belongs to
// the box: the configuration file is the user's, and no program rewrites it.
// Both are read at the start; an id stands in one of them.

const (
	importedFile    = "cameras.csv"
	importedSecrets = "secrets/cameras"
)

// ImportedPath is where the imported cameras stand.
func (c *Config) ImportedPath() string { return filepath.Join(c.Data.Dir, importedFile) }

// SecretPath is where the password of an imported camera stands.
func (c *Config) SecretPath(id string) string {
	return filepath.Join(c.Data.Dir, filepath.FromSlash(importedSecrets), id)
}

// mergeImported adds the imported cameras to those of the file.
func (c *Config) mergeImported(text []byte, ps *Problems) {
	sheet, err := os.ReadFile(c.ImportedPath())
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if err != nil {
		ps.add(importedFile, "%v", err)
		return
	}
	sum := sha256.Sum256(append(slices.Clone(text), sheet...))
	c.digest = "sha256:" + hex.EncodeToString(sum[:])
	rows, problems := ParseSheet(sheet)
	for _, p := range problems {
		ps.add(c.ImportedPath()+": "+p.Key, "%s", p.Text)
	}
	for _, row := range rows {
		cam := row.Camera
		if path := c.SecretPath(cam.ID); idPattern.MatchString(cam.ID) {
			if _, err := os.Stat(path); err == nil {
				cam.PasswordFile = path
				cam.Password = secret(path, fmt.Sprintf("%s: row %d", c.ImportedPath(), row.Row), ps)
			}
		}
		c.Cameras = append(c.Cameras, cam)
	}
}

// Import is what a table would change, decided before anything is changed.
type Import struct {
	Cameras   []Camera          // imported ones, all of them as they would be
	Passwords map[string]string // new ones, by camera
	Added     []string
	Changed   []string
	Removed   []string
}

// PlanImport reads a table against the cameras that there are (imported: those
// of the box's own table). With replace, imported cameras that are not in it
// go. A camera of the configuration file may stand in the table as it is: what
// was exported can be imported.
func (c *Config) PlanImport(text []byte, imported []Camera, replace bool, can Supported) (Import, Problems) {
	rows, ps := ParseSheet(text)
	plan := Import{Passwords: map[string]string{}}
	known := map[string]Camera{}
	for _, cam := range imported {
		known[cam.ID] = cam
		if !replace {
			plan.Cameras = append(plan.Cameras, cam)
		}
	}
	seen := map[string]bool{}
	for i := range rows {
		row := &rows[i]
		key := fmt.Sprintf("row %d", row.Row)
		if at := slices.IndexFunc(c.Cameras, func(cam Camera) bool { return cam.Row == 0 && cam.ID == row.ID }); at >= 0 && !seen[row.ID] {
			seen[row.ID] = true
			if !sameInSheet(c.Cameras[at], row.Camera) || row.NewPassword != "" {
				ps.add(key, "camera %q stands in the configuration file (cameras[%d]); change it there", row.ID, at)
			}
			continue
		}
		var own Problems
		validateID(".id", row.ID, seen, &own)
		row.Camera.validate("", can, &own)
		for _, p := range own {
			ps.add(key+", "+columnOf(p.Key), "%s", p.Text)
		}
		plan.take(row, known)
	}
	if replace {
		for _, cam := range imported {
			if !seen[cam.ID] {
				plan.Removed = append(plan.Removed, cam.ID)
			}
		}
	}
	if len(ps) == 0 {
		c.nextStart(plan, can, &ps)
	}
	return plan, ps
}

// nextStart says what the next start would refuse: a table taken at the wall
// must not keep the box from starting.
func (c *Config) nextStart(plan Import, can Supported, ps *Problems) {
	_, whole := ParseSheet(FormatSheet(plan.Cameras)) // with those imported before, it is bounded too
	*ps = append(*ps, whole...)
	next := *c
	next.Cameras = slices.Concat(slices.DeleteFunc(slices.Clone(c.Cameras), func(cam Camera) bool { return cam.Row > 0 }), plan.Cameras)
	next.validate(can, ps)
	for id, password := range plan.Passwords {
		if len(password) >= secretMaxBytes {
			ps.add("camera "+id+", column "+passwordColumn, "has %d bytes; at most %d", len(password), secretMaxBytes-1)
		}
	}
}

func (p *Import) take(row *SheetCamera, known map[string]Camera) {
	old, is := known[row.ID]
	switch {
	case !is:
		p.Added = append(p.Added, row.ID)
	case !sameInSheet(old, row.Camera) || row.NewPassword != "":
		p.Changed = append(p.Changed, row.ID)
	}
	if row.NewPassword != "" {
		p.Passwords[row.ID] = row.NewPassword
	}
	if at := slices.IndexFunc(p.Cameras, func(cam Camera) bool { return cam.ID == row.ID }); at >= 0 {
		p.Cameras[at] = row.Camera
	} else {
		p.Cameras = append(p.Cameras, row.Camera)
	}
}

// sameInSheet tells whether two cameras are the same row of a table.
func sameInSheet(a, b Camera) bool {
	for _, c := range sheetColumns() {
		if c.get(&a) != c.get(&b) {
			return false
		}
	}
	return true
}

// columnOf names the column that a key of the configuration stands in.
func columnOf(key string) string {
	for _, c := range sheetColumns() {
		if c.key == key || strings.HasPrefix(key, c.key+"[") {
			return "column " + c.name
		}
	}
	return strings.TrimPrefix(key, ".")
}
