package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"syscall"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
)

// journalPage is how many records are read at a time.
const journalPage = 1000

// journalCommand reads a journal that no box has open: the running box itself
// answers GET /api/v1/journal.
func journalCommand(args []string, out, errs io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("journal: say what to do: tail, export or verify")
	}
	verb := args[0]
	flags, path := configFlag("journal "+verb, errs)
	after := flags.Uint64("after", 0, "with export: start after this `place`")
	last := flags.Uint64("n", 20, "with tail: how many records")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	cfg, err := load(*path)
	if err != nil {
		return err
	}
	j, err := journal.OpenReadOnly(cfg.Data.Journal.Dir, slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	defer j.Close()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	switch verb {
	case "tail":
		from := uint64(0)
		if j.Last() > *last {
			from = j.Last() - *last
		}
		return export(ctx, j, from, out)
	case "export":
		return export(ctx, j, *after, out)
	case "verify":
		return verifyJournal(ctx, j, out)
	}
	return fmt.Errorf("journal %s: unknown; write tail, export or verify", verb)
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
			if err := lines.Encode(struct {
				Place uint64       `json:"place"`
				Event bridge.Event `json:"event"`
			}{r.Place, r.Event}); err != nil {
				return err
			}
			after = r.Place
		}
	}
	return w.Flush()
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
