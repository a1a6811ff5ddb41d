package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"syscall"

	"github.com/watchpost-edge/watchpost/appliance/internal/station"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
)

// journalPage is how many records are read at a time.
const journalPage = 1000

// journalCommand reads a journal that no box has open: the running box itself
// answers GET /api/v1/journal.
func journalCommand(args []string, out, errs io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("journal: say what to do: tail, export, verify, salvage or restored")
	}
	verb := args[0]
	flags, path := configFlag("journal "+verb, errs)
	after := flags.Uint64("after", 0, "with export: start after this `place`")
	from := flags.String("from", "", "with salvage: the damaged journal's `folder`; the one that was set aside last when empty")
	last := flags.Uint64("n", 20, "with tail: how many records")
	if err := parse(flags, args[1:]); err != nil {
		return err
	}
	cfg, err := load(*path)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if verb == "salvage" {
		return salvage(ctx, cfg.Data.Journal.Dir, *from, out, errs)
	}
	if verb == "restored" {
		restored, err := station.RestoreJournal(ctx, cfg, slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: slog.LevelWarn})))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "epoch %s begins; what the uplinks have not had of the one before goes first\n", restored.Epoch)
		if restored.Damaged != nil {
			fmt.Fprintf(out, "the copy is damaged, so the room is as of its newest checkpoint; run `watchpost journal salvage` and record again what is missing: %v\n", restored.Damaged)
		}
		return nil
	}
	j, err := journal.OpenReadOnly(cfg.Data.Journal.Dir, slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	defer j.Close()
	switch verb {
	case "tail":
		from := uint64(0)
		if j.Last() > *last {
			from = j.Last() - *last
		}
		return export(ctx, j, max(from, j.Low()), out)
	case "export":
		return export(ctx, j, max(*after, j.Low()), out)
	case "verify":
		return verifyJournal(ctx, j, out)
	}
	return fmt.Errorf("journal %s: unknown; write tail, export, verify, salvage or restored", verb)
}

// export writes one JSON object a line: the place and the event as it is on
// the wire.
func export(ctx context.Context, j bridge.Reader, after uint64, out io.Writer) error {
	w := bufio.NewWriter(out)
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	for ctx.Err() == nil {
		records, err := j.Read(after, journalPage)
		if err != nil {
			return err
		}
		if len(records) == 0 {
			break
		}
		for _, r := range records {
			if err := lines.Encode(exported{r.Place, r.Event}); err != nil {
				return err
			}
			after = r.Place
		}
	}
	return w.Flush()
}

// exported is one line of export and salvage.
type exported struct {
	Place uint64       `json:"place"`
	Event bridge.Event `json:"event"`
}

// salvage writes what is whole in a damaged journal, a line for each event, and
// says what is not. The box may be running: the folder is none of its own.
func salvage(ctx context.Context, dir, from string, out, errs io.Writer) error {
	if from == "" {
		all, err := journal.Asides(dir)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			fmt.Fprintf(errs, "no journal was set aside in %s; name a folder with -from\n", dir)
			return errReported
		}
		from = all[len(all)-1]
	}
	w := bufio.NewWriter(out)
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	seen, err := journal.Salvage(ctx, from, func(r bridge.Record) error { return lines.Encode(exported{r.Place, r.Event}) })
	if err := errors.Join(err, w.Flush()); err != nil {
		return err
	}
	fmt.Fprintf(errs, "%s: %d events are whole, %d are wrong, %d places between them are missing\n", from, seen.Records, seen.Bad, seen.Holes)
	for _, file := range seen.Files {
		fmt.Fprintln(errs, "  "+file)
	}
	return nil
}

func verifyJournal(ctx context.Context, j *journal.Journal, out io.Writer) error {
	seen, err := j.Verify(ctx, 0)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "epoch %s: %d records, chain whole\n", seen.Epoch, seen.Records)
	for _, lane := range bridge.Lanes() {
		end := seen.Lanes[lane]
		fmt.Fprintf(out, "  %-7s %8d  %s\n", lane, end.Sequence, end.Hash)
	}
	return nil
}
