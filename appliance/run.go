package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/station"
	"github.com/watchpost-edge/watchpost/bridge/uplink/webhook"
	"github.com/watchpost-edge/watchpost/vision"
)

// run opens the station and runs it until the first signal; the second ends
// the process at once.
func run(args []string, errs io.Writer) error {
	flags, path := configFlag("run", errs)
	debug := flags.Bool("debug", false, "log more")
	if err := parse(flags, args); err != nil {
		return err
	}
	cfg, err := load(*path)
	var problems config.Problems
	if errors.As(err, &problems) {
		return fmt.Errorf("%s has %s:\n%w", *path, count(len(problems), "problem"), err)
	} else if err != nil {
		return err
	}
	level := slog.LevelInfo
	if *debug {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: level}))
	stops, asked := hangup()
	ctx, stop := signals(log, stops...)
	defer stop()
	go hangups(ctx, log, asked, cfg.Digest(), func() (*config.Config, error) { return judge(*path, webhook.CheckSecret) })

	vision.MakeWay()
	leaves, closeLeaves, err := openLeaves(cfg, log)
	if err != nil {
		return err
	}
	defer closeLeaves()
	s := station.New(station.Options{Config: cfg, Version: version, Log: log, Leaves: leaves})
	if err := s.Open(ctx); err != nil {
		return err
	}
	return s.Run(ctx)
}

// signals ends the context at the first signal and the process at the second;
// besides SIGINT and SIGTERM those of more.
func signals(log *slog.Logger, more ...os.Signal) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	got := make(chan os.Signal, 2)
	signal.Notify(got, append(more, syscall.SIGINT, syscall.SIGTERM)...)
	go func() {
		sig := <-got
		log.Info("stopping; the same signal again ends at once", "signal", sig.String())
		cancel()
		<-got
		log.Warn("ended at once; nothing acknowledged is lost")
		os.Exit(130)
	}()
	return ctx, cancel
}

// modelDirs are where a bare name of a model or library is looked for.
func modelDirs(cfg *config.Config) []string {
	dirs := []string{os.Getenv("MODELS_DIR"), filepath.Join(cfg.Data.Dir, "models")}
	if exe, err := os.Executable(); err == nil {
		dirs = append(dirs, filepath.Join(filepath.Dir(exe), "..", ".cache", "models")) // a build tree
	}
	return dirs
}
