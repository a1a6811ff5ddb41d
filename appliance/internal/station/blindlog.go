package station

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
	"github.com/watchpost-edge/watchpost/bridge"
)

// Bounds of what is remembered of closed blind intervals.
const (
	blindLogFile  = "blind-log.json"
	blindLogMax   = 20_000 // a camera
	blindLogAge   = 90 * 24 * time.Hour
	blindLogBatch = 1024
	blindLogSave  = 10 * time.Minute
)

// blindLog is a projection of the journal: the closed blind intervals of each
// camera. Its file only spares the next start reading lane notice from the
// beginning; without it that is what it does.
type blindLog struct {
	journal bridge.Reader
	path    string
	log     *slog.Logger

	mu      sync.Mutex
	kept    blindLogKept
	place   uint64 // the journal is folded up to here
	changed chan struct{}
}

type blindLogKept struct {
	Epoch    string                         `json:"epoch"`
	Sequence uint64                         `json:"sequence"` // of lane notice
	Cameras  map[string][]desk.BlindChanged `json:"cameras"`  // as they were closed
}

func newBlindLog(j bridge.Reader, dir string, log *slog.Logger) *blindLog {
	return &blindLog{journal: j, path: filepath.Join(dir, blindLogFile), log: log, changed: make(chan struct{})}
}

// open reads the file. Intervals of an older epoch stay: they are facts.
func (l *blindLog) open() error {
	text, err := os.ReadFile(l.path)
	if err == nil {
		err = json.Unmarshal(text, &l.kept)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		l.log.Warn("the list of blind intervals is made anew from the journal", "err", err)
		l.kept = blindLogKept{}
	}
	if l.kept.Epoch != l.journal.Epoch() {
		l.kept.Epoch, l.kept.Sequence = l.journal.Epoch(), 0
	}
	if l.kept.Cameras == nil {
		l.kept.Cameras = map[string][]desk.BlindChanged{}
	}
	return nil
}

// run follows the journal until ctx ends.
func (l *blindLog) run(ctx context.Context) error {
	saved := time.Now()
	for {
		changed := l.journal.Changed()
		place := l.journal.Last()
		more, err := l.fold()
		if err != nil {
			return err
		}
		if !more {
			l.reach(place)
		}
		if ctx.Err() != nil || time.Since(saved) >= blindLogSave {
			saved = time.Now()
			l.save(saved)
		}
		if ctx.Err() != nil {
			return nil
		}
		if more {
			continue
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}

// fold takes in the next events of lane notice, and tells whether there may be
// more.
func (l *blindLog) fold() (more bool, err error) {
	records, err := l.journal.ReadLane(bridge.Notice, l.kept.Sequence, blindLogBatch)
	var retired *bridge.RetiredError
	if errors.As(err, &retired) {
		l.kept.Sequence = retired.Through
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("list blind intervals: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range records {
		if l.kept.Sequence, err = strconv.ParseUint(r.Event.Sequence, 10, 64); err != nil {
			return false, fmt.Errorf("list blind intervals: event %s: %w", r.Event.ID, err)
		}
		if r.Event.Type != desk.TypeBlindClosed || len(r.Event.Data) == 0 {
			continue
		}
		var one desk.BlindChanged
		if err := json.Unmarshal(r.Event.Data, &one); err != nil {
			return false, fmt.Errorf("list blind intervals: event %s: %w", r.Event.ID, err)
		}
		list := append(l.kept.Cameras[one.Camera], one)
		l.kept.Cameras[one.Camera] = list[max(0, len(list)-blindLogMax):]
	}
	return len(records) == blindLogBatch, nil
}

func (l *blindLog) reach(place uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.place = place
	close(l.changed)
	l.changed = make(chan struct{})
}

// save drops what is too old and writes the rest.
func (l *blindLog) save(now time.Time) {
	l.mu.Lock()
	for camera, list := range l.kept.Cameras {
		old := func(i desk.BlindChanged) bool { return now.Sub(i.To.Time) > blindLogAge }
		if n := slices.IndexFunc(list, func(i desk.BlindChanged) bool { return !old(i) }); n != 0 {
			list = slices.DeleteFunc(list, old)
		}
		if l.kept.Cameras[camera] = list; len(list) == 0 {
			delete(l.kept.Cameras, camera)
		}
	}
	text, err := json.Marshal(l.kept)
	l.mu.Unlock()
	if err == nil {
		err = media.WriteFile(l.path, func(w io.Writer) error { _, err := w.Write(text); return err })
	}
	if err != nil {
		l.log.Warn("the list of blind intervals is not kept: the next start reads the journal", "err", err)
	}
}

// Blind implements wall's blindness: the closed intervals that touch the time,
// once all up to a place is known. camera "": of all cameras.
func (l *blindLog) Blind(ctx context.Context, place uint64, camera string, from, to time.Time) ([]wall.BlindInterval, error) {
	for {
		l.mu.Lock()
		if l.place >= place {
			break
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-changed:
		}
	}
	defer l.mu.Unlock()
	var out []wall.BlindInterval
	for id, list := range l.kept.Cameras {
		if camera != "" && camera != id {
			continue
		}
		for _, i := range list {
			if i.From.Before(to) && i.To.After(from) {
				out = append(out, wall.BlindInterval{Camera: id, Kind: i.Kind, From: i.From, To: i.To, Cause: i.Cause, Why: i.Why})
			}
		}
	}
	slices.SortFunc(out, func(a, b wall.BlindInterval) int {
		return cmp.Or(a.From.Compare(b.From.Time), cmp.Compare(a.Camera, b.Camera), cmp.Compare(a.Kind, b.Kind))
	})
	return out, nil
}
