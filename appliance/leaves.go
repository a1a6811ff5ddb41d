package main

import (
	"errors"
	"log/slog"
	"runtime"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/station"
	"github.com/watchpost-edge/watchpost/vision"
	"github.com/watchpost-edge/watchpost/vision/avcodec"
	"github.com/watchpost-edge/watchpost/vision/detect"
	"github.com/watchpost-edge/watchpost/vision/render"
)

// decodeShare is how much of the box's processors analysis may take: alarms,
// clips and viewers need the rest.
const decodeShare = 0.75

// openLeaves makes the parts that need cgo. A backend that was named and
// cannot be had is an error; auto takes what there is and says so.
func openLeaves(cfg *config.Config, log *slog.Logger) (station.Leaves, func(), error) {
	detector, info, err := detect.Open(detect.Options{
		Backend: cfg.Detector.Backend, Model: cfg.Detector.Model, SHA256: cfg.Detector.SHA256, Library: cfg.Detector.Library, Dirs: modelDirs(cfg),
		Classes: cfg.Detector.Classes, MinScore: cfg.Detector.MinScore, Overlap: cfg.Detector.Overlap,
	})
	if err != nil {
		return station.Leaves{}, nil, errors.Join(errors.New("open object detector"), err)
	}
	log.Info("object detector", "backend", info.Backend, "model", info.Model, "finds", info.Classes, "why_no_better", info.Why)
	decoder := func() vision.Decoder { return avcodec.New(avcodec.Options{}) }
	keys := vision.NewKeys(decoder)
	closeAll := func() {
		keys.Close()
		detector.Close()
	}
	return station.Leaves{
		Decoder:  decoder,
		Keys:     keys,
		Budget:   vision.NewBudget(decodeShare * float64(runtime.NumCPU())),
		Motion:   func(masks [][]vision.Point) vision.MotionDetector { return detect.NewMotion(masks) },
		Objects:  detector,
		Stills:   detect.Stills{},
		Encoder:  func(w, h int, fps float64) (render.Encoder, error) { return avcodec.NewEncoder(w, h, fps) },
		Detector: station.Detector{Backend: info.Backend, Why: info.Why},
	}, closeAll, nil
}
