package station

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge/journal"
)

// Restored is a journal that began anew after a restore.
type Restored struct {
	Epoch string
	// Damaged says why the room is only as of the copy's newest checkpoint;
	// nil: it has all that the copy holds.
	Damaged error
}

// RestoreJournal begins a new epoch in a folder that came from a backup, with
// the room as the copy has it. No box may have it open: that is
// journal.ErrHeld.
func RestoreJournal(ctx context.Context, cfg *config.Config, log *slog.Logger) (Restored, error) {
	var restored Restored
	var damaged *journal.DamagedError
	err := checkpointAll(ctx, cfg, log)
	switch {
	case errors.As(err, &damaged):
		restored.Damaged = err
	case err != nil:
		return Restored{}, fmt.Errorf("restore journal: %w", err)
	}
	restored.Epoch, err = journal.Restored(journal.Options{Dir: cfg.Data.Journal.Dir, Logger: log})
	return restored, err
}

// checkpointAll writes a checkpoint of all that the journal holds: the next
// epoch begins with the newest.
func checkpointAll(ctx context.Context, cfg *config.Config, log *slog.Logger) (err error) {
	there, err := journal.OpenReadOnly(cfg.Data.Journal.Dir, log)
	if err != nil {
		return err // and where there is none, none is begun
	}
	if err := there.Close(); err != nil {
		return err
	}
	j, err := journal.Open(journal.Options{Dir: cfg.Data.Journal.Dir, Source: source(cfg), Logger: log, Reserve: int64(cfg.Data.Journal.Reserve)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	d, err := desk.New(deskSetup(cfg), j, desk.SystemClock(), log, rand.Reader)
	if err != nil {
		return err
	}
	if err := d.Open(ctx); err != nil {
		return err
	}
	return d.Checkpoint(ctx)
}

// source is the CloudEvents source of the box's events.
func source(cfg *config.Config) string {
	return fmt.Sprintf("/stations/%s/boxes/%s", cfg.Station.ID, cfg.Station.Box)
}
