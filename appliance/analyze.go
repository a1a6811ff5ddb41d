package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/station"
	"github.com/watchpost-edge/watchpost/vision"
)

// footageStart is when footage is taken to begin, when nobody says: its own
// time counts, so that the same file gives the same output on any day.
const footageStart = "2000-01-01T12:00:00Z"

// analysis is what the command was asked for.
type analysis struct {
	video, mot, events, preview string
	live                        bool
	start                       string
	timeless                    []string // rules whose schedule was left out
}

// analyze runs a camera's rules over footage, as fast as it goes.
func analyze(args []string, out, errs io.Writer) error {
	flags, path := configFlag("analyze", errs)
	var a analysis
	id := flags.String("camera", "", "`id` of the camera whose rules, zones, lines and masks apply")
	flags.StringVar(&a.video, "video", "", "video `file`, or rtsp://… (with the camera's user name and password)")
	flags.StringVar(&a.mot, "mot", "", "write tracks to this `file` as MOTChallenge lines")
	flags.StringVar(&a.events, "events", "", "write sightings to this `file`, one JSON object a line")
	flags.StringVar(&a.preview, "preview", "", "write a video `file` (.mp4) with boxes, tracks, zones and sightings drawn")
	flags.BoolVar(&a.live, "live", false, "look as the box does at a live camera: at analyze.fps, through the decode gate; without, at every picture")
	flags.StringVar(&a.start, "start", "", "`time` of the first picture, RFC 3339, for schedules; without, rules apply at any time")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected %q; `watchpost analyze -h` shows the flags", flags.Arg(0))
	}
	cfg, err := load(*path)
	if err != nil {
		return err
	}
	cam, err := camera(cfg, *id)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: slog.LevelWarn}))
	ctx, stop := signals(log)
	defer stop()
	return a.run(ctx, cfg, cam, out, errs, log)
}

func camera(cfg *config.Config, id string) (*config.Camera, error) {
	var ids []string
	for i := range cfg.Cameras {
		if cfg.Cameras[i].ID == id {
			return &cfg.Cameras[i], nil
		}
		ids = append(ids, cfg.Cameras[i].ID)
	}
	return nil, fmt.Errorf("-camera %q: no such camera; the configuration has %s", id, strings.Join(ids, ", "))
}

func (a *analysis) run(ctx context.Context, cfg *config.Config, cam *config.Camera, out, errs io.Writer, log *slog.Logger) (err error) {
	if a.video == "" {
		return errors.New("-video is missing; name a video file or an rtsp:// address")
	}
	what := station.VisionConfig(cfg, cam)
	what.MaxLag, what.Every = -1, !a.live
	start, err := a.begin(&what)
	if err != nil {
		return err
	}
	units, err := a.open(ctx, cam, start, log)
	if err != nil {
		return err
	}
	defer units.Close()
	leaves, closeLeaves, err := openLeaves(cfg, log)
	if err != nil {
		return err
	}
	defer closeLeaves()
	fmt.Fprintf(errs, "objects: %s\n", strings.TrimSuffix(leaves.Detector.Backend+": "+leaves.Detector.Why, ": "))
	rep := &report{analysis: a, cfg: what, start: start, out: errs, frames: units.Frames(), began: time.Now()}
	if err := rep.open(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rep.close()) }()
	analyzer, err := vision.NewAnalyzer(what, vision.Parts{
		Decoder: func() vision.Decoder { return units.decoder() },
		Motion:  leaves.Motion, Objects: leaves.Objects, Stills: noStills{}, Log: log,
		Sink: rep.sighting, Observe: rep.picture,
	})
	if err != nil {
		return err
	}
	if err := analyzer.Run(ctx, units); err != nil {
		return err
	}
	rep.summary(out, analyzer.Stats())
	return units.Err()
}

// begin is the time of the first picture. Without one, schedules cannot mean
// anything and are left out.
func (a *analysis) begin(what *vision.Config) (time.Time, error) {
	text := a.start
	if text == "" {
		text = footageStart
		what.Rules = slices.Clone(what.Rules)
		for i := range what.Rules {
			if what.Rules[i].Schedule != "" {
				a.timeless = append(a.timeless, what.Rules[i].Name)
			}
			what.Rules[i].Schedule = ""
		}
	}
	start, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("-start %q: write it like 2026-11-22T22:00:00+08:00", a.start)
	}
	return start, nil
}

// noStills draws nothing: nobody looks at snapshots here.
type noStills struct{}

func (noStills) Snapshot(*vision.Frame, vision.Still) ([]byte, error) { return nil, nil }
