package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"github.com/watchpost-edge/watchpost/vision"
	"github.com/watchpost-edge/watchpost/vision/avcodec"
	"github.com/watchpost-edge/watchpost/vision/detect"
)

const (
	previewWidthMax = 1280 // pixels
	litFor          = 2 * time.Second
	progressEvery   = time.Second
)

// report writes what an analysis finds.
type report struct {
	*analysis
	cfg    vision.Config
	start  time.Time
	out    io.Writer // progress
	frames int       // to come; 0: unknown

	tracks, lines *lineFile
	writer        *avcodec.Writer
	lit           map[uint64]vision.Sighting // of a track, the newest
	raised        map[string]int             // by rule
	n             int                        // pictures so far
	at            time.Duration              // of the newest
	began, told   time.Time
	err           error // the first
}

func (r *report) open() (err error) {
	r.lit, r.raised = map[uint64]vision.Sighting{}, map[string]int{}
	if r.tracks, err = createLines(r.mot); err == nil {
		r.lines, err = createLines(r.events)
	}
	return err
}

// event is one line of -events.
type event struct {
	T         float64 `json:"t"` // seconds from the first picture
	Kind      string  `json:"kind"`
	Rule      string  `json:"rule"`
	Zone      string  `json:"zone"`
	Track     uint64  `json:"track"`
	Direction string  `json:"direction"`
}

func (r *report) sighting(_ context.Context, s vision.Sighting) {
	if s.Phase != vision.Raised {
		return
	}
	r.lit[s.Track] = s
	r.raised[s.Rule]++
	line, err := json.Marshal(event{
		T:    math.Round(s.FrameAt.Sub(r.start).Seconds()*1000) / 1000,
		Kind: s.Kind, Rule: s.Rule, Zone: s.Zone, Track: s.Track, Direction: s.Direction,
	})
	if err == nil {
		err = r.lines.write("%s\n", line)
	}
	r.fail(err)
}

func (r *report) picture(f *vision.Frame, tracks []vision.Track) {
	r.n++
	r.at = f.Captured.Sub(r.start)
	w, h := float64(f.Width), float64(f.Height)
	for _, t := range tracks {
		if t.Seen || t.Hidden {
			r.fail(r.tracks.write("%d,%d,%.2f,%.2f,%.2f,%.2f,%.3f,-1,-1,-1\n", r.n, t.ID, t.Box.X*w, t.Box.Y*h, t.Box.W*w, t.Box.H*h, t.Score))
		}
	}
	if r.preview != "" {
		r.fail(r.draw(f, tracks))
	}
	if time.Since(r.told) >= progressEvery {
		r.told = time.Now()
		r.progress()
	}
}

func (r *report) draw(f *vision.Frame, tracks []vision.Track) error {
	scale := min(1, float64(previewWidthMax)/float64(f.Width))
	w, h := int(float64(f.Width)*scale)&^1, int(float64(f.Height)*scale)&^1
	if r.writer == nil {
		var err error
		if r.writer, err = avcodec.CreateFile(r.preview, w, h); err != nil {
			r.preview = ""
			return err
		}
	}
	o := detect.Overlay{Masks: r.cfg.Masks, Zones: r.cfg.Zones, Lines: r.cfg.Lines, Tracks: tracks, Lit: map[uint64]string{}}
	for id, s := range r.lit {
		if f.Captured.Sub(s.FrameAt) <= litFor || s.Zone != "" {
			o.Lit[id] = s.Rule
		}
	}
	picture, err := o.Draw(f, w, h)
	if err != nil {
		return err
	}
	return r.writer.Write(picture, f.PTS)
}

func (r *report) progress() {
	speed := r.at.Seconds() / time.Since(r.began).Seconds()
	of := ""
	if r.frames > 0 {
		of = fmt.Sprintf(" of %d", r.frames)
	}
	fmt.Fprintf(r.out, "%d%s pictures, %.1f s of footage, %.1f times as fast as it was\n", r.n, of, r.at.Seconds(), speed)
}

func (r *report) summary(out io.Writer, st vision.Stats) {
	r.progress()
	fmt.Fprintf(out, "%d pictures, %d analysed, %d shown to the detector (%.1f ms each), %d damaged, %d lost\n",
		st.Decoded, st.Analysed, st.Detected, st.DetectorMS, st.DecodeErrors, st.Dropped)
	for _, rule := range r.cfg.Rules {
		fmt.Fprintf(out, "%s (%s): %s\n", rule.Name, rule.Kind, count(r.raised[rule.Name], "sighting"))
	}
	if len(r.timeless) > 0 {
		fmt.Fprintf(out, "schedules left out (%s): -start says when the footage begins\n", strings.Join(r.timeless, ", "))
	}
	for _, w := range st.Warnings {
		fmt.Fprintln(out, w)
	}
	if st.Decoded == 0 {
		r.fail(fmt.Errorf("no picture could be decoded from %s", r.video))
	}
}

func (r *report) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *report) close() error {
	if r.writer != nil {
		r.fail(r.writer.Close())
	}
	return errors.Join(r.err, r.tracks.close(), r.lines.close())
}

// lineFile is a file written line by line; a nil one takes everything.
type lineFile struct {
	file *os.File
	buf  *bufio.Writer
}

func createLines(path string) (*lineFile, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &lineFile{f, bufio.NewWriter(f)}, nil
}

func (l *lineFile) write(format string, args ...any) error {
	if l == nil {
		return nil
	}
	_, err := fmt.Fprintf(l.buf, format, args...)
	return err
}

func (l *lineFile) close() error {
	if l == nil {
		return nil
	}
	return errors.Join(l.buf.Flush(), l.file.Close())
}
