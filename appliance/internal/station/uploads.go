package station

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/bridge/upload"
)

const (
	uploadRetryMin = time.Second
	uploadRetryMax = 15 * time.Second
)

// uploader sends the clips that the desk has and headquarters has not: part 1
// of a P0 before all else. What is due is read from the desk's state each
// time, so there is no queue to lose.
type uploader struct {
	station *Station
	client  *upload.Client

	mu      sync.Mutex
	refused map[string]string // clip/part → the receiver's reason
	failing error             // of the newest attempt
	since   time.Time
}

// run sends one clip at a time. A more urgent one interrupts; what was
// interrupted goes on at its offset.
func (u *uploader) run(ctx context.Context) error {
	u.settle(ctx)
	wait := uploadRetryMin
	for ctx.Err() == nil {
		changed := u.station.desk.Changed()
		due, err := u.due(ctx)
		if err != nil {
			return nil // ctx has ended, or the desk has: its own stage says why
		}
		if len(due) == 0 {
			select {
			case <-ctx.Done():
			case <-changed:
			}
			continue
		}
		switch err := u.interruptible(ctx, due[0], changed); {
		case err == nil, errors.Is(err, errOvertaken):
			wait = uploadRetryMin
		case hopeless(err):
			u.refuse(due[0], err)
		case ctx.Err() == nil:
			u.note(err)
			select {
			case <-ctx.Done():
			case <-time.After(wait):
			}
			wait = min(wait*2, uploadRetryMax)
		}
	}
	return nil
}

// settle ends again what was sent: a stop may have come between the desk's
// word and the end of the upload.
func (u *uploader) settle(ctx context.Context) {
	var sent []*desk.Clip
	if _, err := u.station.desk.View(ctx, func(s *desk.State) {
		for _, incident := range s.Incidents() {
			for _, c := range s.ClipsOf(incident.ID) {
				if !c.UploadedAt.IsZero() || c.Evicted != "" {
					sent = append(sent, c)
				}
			}
		}
	}); err != nil {
		return // ctx has ended, or the desk has: its own stage says why
	}
	for _, c := range sent {
		if err := u.over(c); err != nil {
			u.station.log.Warn("upload not ended, its part 1 stays", "clip", c.ID, "part", c.Part, "err", err)
		}
	}
}

// due lists the parts to send, most urgent first.
func (u *uploader) due(ctx context.Context) ([]dueClip, error) {
	var list []dueClip
	_, err := u.station.desk.View(ctx, func(s *desk.State) {
		for _, c := range s.NotUploaded() {
			incident := s.Incident(c.Incident)
			if incident == nil || !u.station.uploads(incident.Priority) {
				continue
			}
			whole := s.Clip(c.ID, clip.PartWhole)
			list = append(list, dueClip{Clip: *c, priority: incident.Priority, drill: incident.Drill, superseded: c.Part == clip.Part1 && whole != nil})
		}
	})
	u.mu.Lock()
	defer u.mu.Unlock()
	refused := map[string]string{} // of those that are still here
	list = slices.DeleteFunc(list, func(c dueClip) bool {
		why, is := u.refused[c.key()]
		if is {
			refused[c.key()] = why
		}
		return is
	})
	if err == nil {
		u.refused = refused
	}
	slices.SortFunc(list, func(a, b dueClip) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), a.ReadyAt.Compare(b.ReadyAt.Time))
	})
	return list, err
}

type dueClip struct {
	desk.Clip
	priority   string
	drill      bool
	superseded bool // part 1 whose whole is ready: after an outage it need not go twice
}

func (c dueClip) key() string { return c.ID + "/" + c.Part }

// metadata is what the receiver is told with the bytes. Of an exercise it is
// said, so that its pictures are never taken for real ones.
func (c dueClip) metadata() map[string]string {
	m := map[string]string{
		"id": c.ID, "part": c.Part, "incident": c.Incident, "camera": c.Camera,
		"from": c.From.String(), "to": c.To.String(), "sha256": c.SHA256, "filename": c.ID + "-" + c.Part + ".mp4", "filetype": "video/mp4",
	}
	if c.drill {
		m["drill"] = "true"
	}
	return m
}

// rank sorts: the seconds before a P0, then by priority, part 1 first.
func (c dueClip) rank() string {
	if c.Part == clip.Part1 {
		return c.priority + "a"
	}
	if c.priority == "P0" {
		return "P0z"
	}
	return c.priority + "b"
}

var errOvertaken = errors.New("a more urgent clip goes first")

// interruptible sends one clip unless a more urgent one comes up. changed is of
// before the clip was chosen: what came since then is looked at too.
func (u *uploader) interruptible(ctx context.Context, c dueClip, changed <-chan struct{}) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- u.send(ctx, c) }()
	for {
		select {
		case err := <-done:
			if errors.Is(context.Cause(ctx), errOvertaken) {
				return errOvertaken
			}
			return err
		case <-changed:
			changed = u.station.desk.Changed()
			if due, err := u.due(ctx); err == nil && len(due) > 0 && due[0].rank() < c.rank() {
				cancel(errOvertaken)
			}
		}
	}
}

func (u *uploader) send(ctx context.Context, c dueClip) error {
	s := u.station
	if c.superseded {
		if err := u.over(&c.Clip); err != nil {
			return err
		}
		_, err := s.desk.Handle(ctx, desk.ClipEvictedIn{Clip: c.ID, Part: c.Part, Why: "the whole clip was ready before this part was sent"})
		return err
	}
	part, err := s.cutter.Part(c.ID, c.Part)
	if errors.Is(err, media.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		_, err = s.desk.Handle(ctx, desk.ClipEvictedIn{Clip: c.ID, Part: c.Part, Why: "its file is not kept any more"})
		return err
	} else if err != nil {
		return err
	}
	location, err := u.client.Send(ctx, upload.Job{ID: c.key(), Path: part.Path, Metadata: c.metadata()})
	var refused *upload.Refused
	var unread *fs.PathError
	switch {
	case errors.As(err, &refused):
		u.refuse(c, refused)
		return u.over(&c.Clip)
	case errors.As(err, &unread) && unread.Path == part.Path: // the disk's fault and not the line's: the next start tries again
		u.refuse(c, err)
		return nil
	case err != nil:
		return err
	}
	if _, err := s.desk.Handle(ctx, desk.ClipUploadedIn{Clip: c.ID, Part: c.Part, Location: location}); err != nil {
		return err
	}
	u.recovered()
	return u.over(&c.Clip)
}

// over ends an upload, well or not: part 1 waits for that to go.
func (u *uploader) over(c *desk.Clip) error {
	return errors.Join(u.station.cutter.SetUploadDone(c.ID, c.Part), u.client.Forget(c.ID+"/"+c.Part))
}

// refuse leaves a clip out that will never be taken: those behind it go on.
func (u *uploader) refuse(c dueClip, why error) {
	u.mu.Lock()
	u.refused[c.key()] = why.Error()
	u.mu.Unlock()
	u.station.log.Error("a clip cannot be sent", "clip", c.ID, "part", c.Part, "err", why)
}

func (u *uploader) note(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.failing == nil {
		u.since = time.Now()
		u.station.log.Warn("clips cannot be sent, trying again", "err", err)
	}
	u.failing = err
}

func (u *uploader) recovered() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.failing != nil {
		u.station.log.Info("clips are sent again", "after", time.Since(u.since).Round(time.Second))
	}
	u.failing = nil
}
