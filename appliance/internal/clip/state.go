package clip

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/media"
)

// state is what a clip keeps on disk, in clip.json: what was asked for, and
// how far it is. It is written before anything that follows from it.
type state struct {
	ID       string            `json:"id"`
	Incident string            `json:"incident"`
	Camera   string            `json:"camera"`
	N        int               `json:"n"`
	At       time.Time         `json:"at"`   // of the first alert: where part 1 ends
	From     time.Time         `json:"from"` // wanted
	To       time.Time         `json:"to"`
	Alerts   []string          `json:"alerts"`
	Upload   bool              `json:"upload"`
	Sealed   map[string]bool   `json:"sealed"` // by part: decided, with a file or without
	Empty    map[string]string `json:"empty"`  // by part: why there is no file
	Told     map[string]bool   `json:"told"`   // by part: Ready or Empty returned nil
	Uploaded map[string]bool   `json:"uploaded"`
	Retired  bool              `json:"retired"` // part 1 was deleted
}

// clip is one clip in memory, guarded by Cutter.mu.
type clip struct {
	state
	disk    sync.Mutex // held while the state is changed and written, before Cutter.mu
	growing bool
	// On the monotonic clock, so that a step of the wall clock makes no clip
	// longer: when the first alert and the post-roll are over.
	atDue, toDue time.Time
	wake         chan struct{}
}

func (s *state) copy() state {
	n := *s
	n.Alerts = slices.Clone(s.Alerts)
	for _, m := range []*map[string]bool{&n.Sealed, &n.Told, &n.Uploaded} {
		if *m = maps.Clone(*m); *m == nil {
			*m = map[string]bool{}
		}
	}
	if n.Empty = maps.Clone(n.Empty); n.Empty == nil {
		n.Empty = map[string]string{}
	}
	return n
}

// with is the state after another alert.
func (s *state) with(w Want) state {
	n := s.copy()
	n.Alerts = append(n.Alerts, w.Alert)
	n.Upload = n.Upload || w.Upload
	if from := w.At.Add(-w.PreRoll); n.From.IsZero() || from.Before(n.From) {
		n.From = from
	}
	if to := w.At.Add(w.PostRoll); to.After(n.To) {
		n.To = to
	}
	return n
}

func (s *state) has(alert string) bool { return slices.Contains(s.Alerts, alert) }

// takes tells whether an alert extends this clip: it lies within it, the clip
// still grows, and does not become too long.
func (s *state) takes(w Want) bool {
	from, to := w.At.Add(-w.PreRoll), w.At.Add(w.PostRoll)
	if s.Sealed[PartWhole] {
		return !from.Before(s.From) && !to.After(s.To)
	}
	if w.At.After(s.To) || to.Before(s.From) {
		return false
	}
	begin, end := s.From, s.To
	if from.Before(begin) {
		begin = from
	}
	if to.After(end) {
		end = to
	}
	return end.Sub(begin) <= clipMax
}

// schedule puts the wall clock's times onto the monotonic clock.
func (cl *clip) schedule(now time.Time) {
	cl.atDue = now.Add(min(cl.At.Sub(now), rollMax))
	cl.toDue = now.Add(min(cl.To.Sub(now), clipMax))
}

func (cl *clip) poke() {
	select {
	case cl.wake <- struct{}{}:
	default:
	}
}

const stateFile = "clip.json"

func (c *Cutter) dir(s *state) (string, error) {
	folder, err := media.Folder(s.ID)
	if err != nil {
		return "", err
	}
	return c.opt.Store.Path(media.Clips, folder), nil
}

func (c *Cutter) name(id, part string) string {
	folder, err := media.Folder(id)
	if err != nil {
		return ""
	}
	return string(media.Clips) + "/" + folder + "/" + part + ".mp4"
}

// update changes a clip's state on disk, atomically and synced, and then in
// memory. Changes of one clip follow one another; a change that tells false
// writes nothing.
func (c *Cutter) update(cl *clip, change func(*state) bool) error {
	cl.disk.Lock()
	defer cl.disk.Unlock()
	c.mu.Lock()
	next := cl.copy()
	c.mu.Unlock()
	if !change(&next) {
		return nil
	}
	dir, err := c.dir(&next)
	if err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(dir, stateFile), next); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	cl.state = next
	return nil
}

func writeJSON(path string, v any) error {
	return media.WriteFile(path, func(w io.Writer) error { return json.NewEncoder(w).Encode(v) })
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// Open reads the clips on disk. The store is open.
func (c *Cutter) Open() error {
	root := c.opt.Store.Path(media.Clips)
	entries, err := os.ReadDir(root)
	if err != nil {
		return fmt.Errorf("open clips: %w", err)
	}
	for _, e := range entries {
		cl := &clip{wake: make(chan struct{}, 1)}
		err := readJSON(filepath.Join(root, e.Name(), stateFile), &cl.state)
		if errors.Is(err, os.ErrNotExist) { // stopped before the wish was on disk: it will be asked again
			continue
		}
		if err != nil {
			c.log.Warn("clip left aside", "folder", e.Name(), "err", err)
			continue
		}
		cl.state = cl.copy()
		c.mu.Lock()
		cl.schedule(time.Now())
		c.know(cl)
		c.mu.Unlock()
		for _, part := range []string{Part1, PartWhole} {
			c.register(cl, part)
		}
		if err := c.retire(cl); err != nil {
			c.log.Warn("part 1 stays", "clip", cl.ID, "err", err)
		}
	}
	for _, camera := range c.opt.Store.Spooled() {
		if len(c.open[camera]) > 0 {
			continue
		}
		if err := c.opt.Store.ClearSpool(camera, time.Now()); err != nil {
			return fmt.Errorf("open clips: %w", err)
		}
	}
	return nil
}

// register tells the store's index the times of a part.
func (c *Cutter) register(cl *clip, part string) {
	s := c.stateOf(cl)
	r, err := c.part(&s, part)
	if err != nil {
		return
	}
	c.opt.Store.Add(media.Item{
		Class: media.Clips, Name: c.name(s.ID, part), Owner: s.ID, From: r.From, To: r.To, Bytes: r.Bytes,
		Uploaded: s.Uploaded[part],
	})
}

func (c *Cutter) stateOf(cl *clip) state {
	c.mu.Lock()
	defer c.mu.Unlock()
	return cl.copy()
}

// part is a part that is on disk.
func (c *Cutter) part(s *state, part string) (Ready, error) {
	missing := fmt.Errorf("open clip %s part %s: %w", s.ID, part, media.ErrNotFound)
	if !s.Sealed[part] || s.Empty[part] != "" || part != Part1 && part != PartWhole {
		return Ready{}, missing
	}
	dir, err := c.dir(s)
	if err != nil {
		return Ready{}, missing
	}
	r, ok := written(dir, part)
	if !ok {
		return Ready{}, missing
	}
	return r, nil
}

// written is what describes a part in a folder, if its file is the one that
// is described.
func written(dir, part string) (Ready, bool) {
	var r Ready
	if err := readJSON(filepath.Join(dir, part+".json"), &r); err != nil {
		return Ready{}, false
	}
	r.Path = filepath.Join(dir, part+".mp4")
	info, err := os.Stat(r.Path)
	return r, err == nil && info.Size() == r.Bytes
}

// retire deletes part 1 once the whole is announced and nothing uploads part
// 1 any more.
func (c *Cutter) retire(cl *clip) error {
	s := c.stateOf(cl)
	_, whole := c.part(&s, PartWhole)
	if s.Retired || whole != nil || !s.Told[PartWhole] || s.Upload && !s.Uploaded[Part1] && s.Empty[Part1] == "" {
		return nil
	}
	if err := c.opt.Store.Remove(c.name(s.ID, Part1)); err != nil {
		return fmt.Errorf("delete part 1 of clip %s: %w", s.ID, err)
	}
	dir, err := c.dir(&s)
	if err != nil {
		return err
	}
	for _, name := range []string{Part1 + ".json", samplesFile} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("delete part 1 of clip %s: %w", s.ID, err)
		}
	}
	if err := c.update(cl, func(s *state) bool { s.Retired = true; return true }); err != nil {
		return fmt.Errorf("delete part 1 of clip %s: %w", s.ID, err)
	}
	return nil
}

// sorted are the clips by incident, camera and number.
func sorted(clips iter.Seq[*clip]) []*clip {
	list := slices.Collect(clips)
	slices.SortFunc(list, func(a, b *clip) int {
		return cmp.Or(cmp.Compare(a.Incident, b.Incident), a.From.Compare(b.From), cmp.Compare(a.Camera, b.Camera), a.N-b.N)
	})
	return list
}

// rememberFor is how long a clip whose files are gone is remembered, so that
// a wish that is repeated does not make it again.
const rememberFor = 30 * 24 * time.Hour

// forgetOld lets go of clips that have no file any more.
func (c *Cutter) forgetOld(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cl := range c.clips {
		if now.Sub(cl.To) < rememberFor || !cl.Told[PartWhole] {
			continue
		}
		_, one := c.part(&cl.state, Part1)
		_, whole := c.part(&cl.state, PartWhole)
		dir, err := c.dir(&cl.state)
		if one == nil || whole == nil || err != nil {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			c.log.Warn("clip not forgotten", "clip", cl.ID, "err", err)
			continue
		}
		c.forget(cl)
	}
}

// Needs tells whether a file is what a growing clip is made from, or a part
// that was not announced yet: media.Options.Held asks this before it evicts.
func (c *Cutter) Needs(it media.Item) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch it.Class {
	case media.Recordings, media.Spool:
		for cl := range c.open[it.Owner] {
			if cl.From.Before(it.To) {
				return true
			}
		}
	case media.Clips:
		cl, ok := c.clips[it.Owner]
		return ok && (!cl.Told[Part1] || !cl.Told[PartWhole])
	}
	return false
}
