package station

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/health"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
)

// sheets is the table of imported cameras: the file below data.dir that the
// next start reads beside the configuration file.
type sheets struct {
	station *Station

	mu      sync.Mutex
	changed bool // since the start
}

// imported are the cameras of the table as it is on the disk now.
func (t *sheets) imported() ([]config.Camera, error) {
	text, err := os.ReadFile(t.station.cfg.ImportedPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read imported cameras: %w", err)
	}
	rows, problems := config.ParseSheet(text)
	if len(problems) > 0 {
		return nil, fmt.Errorf("read imported cameras: %w", problems)
	}
	var list []config.Camera
	for _, row := range rows {
		list = append(list, row.Camera)
	}
	return list, nil
}

// Export implements wall's sheets: those of the configuration file first.
func (t *sheets) Export() ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []config.Camera
	for _, c := range t.station.cfg.Cameras {
		if c.Row == 0 {
			all = append(all, c)
		}
	}
	imported, err := t.imported()
	if err != nil {
		return nil, err
	}
	return config.FormatSheet(append(all, imported...)), nil
}

// Asked implements wall's sheets: the cameras, and whose password comes along.
func (t *sheets) Asked(table []byte) []byte {
	rows, problems := config.ParseSheet(table)
	if len(problems) > 0 {
		return nil
	}
	var cameras []config.Camera
	var passwords []byte
	for _, row := range rows {
		cameras = append(cameras, row.Camera)
		if row.NewPassword != "" {
			passwords = append(passwords, row.ID+"\n"...)
		}
	}
	return append(config.FormatSheet(cameras), passwords...)
}

// Import implements wall's sheets. The table is written last and whole: until
// then nothing has changed.
func (t *sheets) Import(ctx context.Context, table []byte, replace bool, by desk.Actor) (wall.SheetChange, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.station
	imported, err := t.imported()
	if err != nil {
		return wall.SheetChange{}, err
	}
	plan, problems := s.cfg.PlanImport(table, imported, replace, config.Supported{Rule: CheckRule})
	if len(problems) > 0 {
		var wrong wall.SheetProblems
		for _, p := range problems {
			wrong = append(wrong, wall.SheetProblem{Where: p.Key, Text: p.Text})
		}
		return wall.SheetChange{}, wrong
	}
	if wrong := outward(outbound(s.cfg), plan.Cameras); len(wrong) > 0 {
		return wall.SheetChange{}, wrong
	}
	change := wall.SheetChange{Added: plan.Added, Changed: plan.Changed, Removed: plan.Removed, Restart: t.changed}
	if len(plan.Added)+len(plan.Changed)+len(plan.Removed) == 0 {
		return change, nil
	}
	if _, err := s.desk.Handle(ctx, desk.ConfigChangedIn{What: "cameras", Added: plan.Added, Changed: plan.Changed, Removed: plan.Removed, By: by}); err != nil {
		return change, err
	}
	for id, password := range plan.Passwords {
		if err := writeSecret(s.cfg.SecretPath(id), password); err != nil {
			return change, fmt.Errorf("import cameras: %w", err)
		}
	}
	err = media.WriteFile(s.cfg.ImportedPath(), func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(config.FormatSheet(plan.Cameras)))
		return err
	})
	if err != nil {
		return change, fmt.Errorf("import cameras: %w", err)
	}
	for _, id := range plan.Removed {
		if err := os.Remove(s.cfg.SecretPath(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.log.Warn("the password of a removed camera stays", "camera", id, "err", err)
		}
	}
	t.changed, change.Restart = true, true
	return change, nil
}

// writeSecret keeps a password where only the box reads it: the folder is shut
// before anything is in it, since a file is written with the rights of all
// others and gets its own a moment later.
func writeSecret(path, password string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep password: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("keep password: %w", err)
	}
	if err := media.WriteFile(path, func(w io.Writer) error { _, err := fmt.Fprintln(w, password); return err }); err != nil {
		return err
	}
	return os.Chmod(path, 0o600)
}

func (t *sheets) findings() []health.Finding {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.changed {
		return nil
	}
	return []health.Finding{{Code: "restart_needed", Text: "the imported cameras are in force after a restart"}}
}
