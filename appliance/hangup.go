package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
)

// hangup tells what SIGHUP means here. Where somebody started the box on a
// terminal it says that the terminal has gone: one of stops. For a service it is
// a question, which comes out of asked: see hangups.
func hangup() (stops []os.Signal, asked <-chan os.Signal) {
	if term.IsTerminal(int(os.Stdin.Fd())) {
		return []os.Signal{syscall.SIGHUP}, nil
	}
	got := make(chan os.Signal, 1)
	signal.Notify(got, syscall.SIGHUP)
	return nil, got
}

// hangups answers SIGHUP, by which services are asked to read their
// configuration anew: it says what a restart would find. The box goes on as it
// was, whatever stands in the file now; a signal that nobody takes would end it.
func hangups(ctx context.Context, log *slog.Logger, asked <-chan os.Signal, running string, judge func() (*config.Config, error)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-asked:
		}
		cfg, err := judge()
		var problems config.Problems
		switch {
		case errors.As(err, &problems):
			log.Error("hangup: the configuration on disk is not good, the box goes on with the one that it started with; a restart would fail", "problems", len(problems), "first", problems[0].String())
		case err != nil:
			log.Error("hangup: the configuration on disk cannot be read, the box goes on with the one that it started with; a restart would fail", "err", err)
		case cfg.Digest() != running:
			log.Warn("hangup: the configuration on disk is good and differs; it is in force after a restart")
		default:
			log.Info("hangup: the configuration on disk is the one in force")
		}
	}
}
