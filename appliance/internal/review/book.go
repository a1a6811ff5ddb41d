package review

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// When what is done.
const (
	fileName    = "review.json"
	foldBatch   = 512
	saveEvery   = 6 * time.Hour
	reviseEvery = time.Hour   // a past day that changed is told again no sooner
	afterDay    = time.Minute // past midnight, a day is told for the first time
	lookEvery   = time.Minute // the wall clock may be stepped
)

// handler is the desk: the only one that writes the journal.
type handler interface {
	Handle(ctx context.Context, in desk.Input) (desk.Result, error)
}

// Options of a Book. All are needed but Now.
type Options struct {
	Journal bridge.Reader
	Desk    handler
	Dir     string         // below the data folder; must exist
	Zone    *time.Location // of the station
	// Write replaces a file at once or not at all.
	Write func(path string, write func(io.Writer) error) error
	Log   *slog.Logger
	Now   func() time.Time // nil: the wall clock
	// Team is the row in which a receiver of orders is counted (TeamRow); nil:
	// each has his own.
	Team func(to string) string
}

// Book is the projection: it follows the journal, and tells each day once it is
// over. All methods may be called from many goroutines, after Open.
type Book struct {
	o    Options
	path string

	mu      sync.Mutex
	kept    *kept
	reached uint64        // all up to here is folded
	changed chan struct{} // closed when reached grows
	saved   uint64        // place of the file

	telling sync.Mutex // one at a time says what the days come to
}

// New makes a book. It does no I/O.
func New(o Options) *Book {
	if o.Now == nil {
		o.Now = time.Now
	}
	b := &Book{o: o, path: filepath.Join(o.Dir, fileName), changed: make(chan struct{})}
	b.kept = b.fresh(o.Journal.Epoch(), o.Zone.String())
	return b
}

// fresh is what is known before anything is.
func (b *Book) fresh(epoch, zone string) *kept {
	k := newKept(epoch, zone)
	k.row = b.o.Team
	return k
}

// Open reads the file, if there is one that can be used.
func (b *Book) Open() error {
	text, err := os.ReadFile(b.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	k := b.fresh("", "")
	if err == nil {
		err = json.Unmarshal(text, k)
	}
	switch {
	case err != nil:
		b.o.Log.Warn("the review is made anew from the journal", "err", err)
		return nil
	case k.Version != keptVersion || k.Zone != b.o.Zone.String():
		b.o.Log.Info("the review is made anew from the journal", "version", k.Version, "zone", k.Zone)
		return nil
	case k.Epoch != b.o.Journal.Epoch():
		k.moveOn(b.o.Journal.Epoch())
	}
	b.kept, b.saved = k, k.Place
	return nil
}

// Run follows the journal until ctx ends.
func (b *Book) Run(ctx context.Context) error {
	var tell, save time.Time
	save = b.o.Now().Add(saveEvery)
	for {
		changed, place := b.o.Journal.Changed(), b.o.Journal.Last()
		more, err := b.fold()
		if err != nil {
			return err
		}
		if more && ctx.Err() == nil {
			continue
		}
		if !more {
			b.reach(place)
		}
		now := b.o.Now()
		if !now.Before(tell) && ctx.Err() == nil {
			tell = b.nextTell(now)
			if err := b.Tell(ctx); err != nil && ctx.Err() == nil {
				b.o.Log.Error("a day's counts are not in the journal yet", "err", err)
			}
		}
		if ctx.Err() != nil || !now.Before(save) {
			save = now.Add(saveEvery)
			b.Save()
		}
		if ctx.Err() != nil {
			return nil
		}
		timer := time.NewTimer(min(lookEvery, max(0, tell.Sub(now))))
		select {
		case <-ctx.Done():
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// nextTell is when the days are looked at again: soon after midnight, and from
// time to time for what came late.
func (b *Book) nextTell(now time.Time) time.Time {
	y, m, d := now.In(b.o.Zone).Date()
	midnight := time.Date(y, m, d+1, 0, 0, 0, 0, b.o.Zone).Add(afterDay)
	if next := now.Add(reviseEvery); next.Before(midnight) {
		return next
	}
	return midnight
}

// fold takes in the next events, and tells whether there may be more.
func (b *Book) fold() (more bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	records, err := b.o.Journal.Read(b.kept.Place, foldBatch)
	var retired *bridge.RetiredError
	if errors.As(err, &retired) {
		if b.kept.Place > 0 {
			b.o.Log.Warn("the journal has lost what the review had not read: it is made anew", "from", b.kept.Place, "through", retired.Through)
			b.kept = b.fresh(b.kept.Epoch, b.kept.Zone)
		}
		records, err = b.o.Journal.Read(retired.Through, foldBatch)
	}
	if err != nil {
		return false, fmt.Errorf("follow the journal for the review after %d: %w", b.kept.Place, err)
	}
	for _, r := range records {
		b.kept.fold(r, b.o.Zone)
	}
	return len(records) == foldBatch, nil
}

func (b *Book) reach(place uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if place <= b.reached {
		return
	}
	b.reached = place
	close(b.changed)
	b.changed = make(chan struct{})
}

// wait returns with mu held, once all up to the place is folded.
func (b *Book) wait(ctx context.Context, place uint64) error {
	for {
		b.mu.Lock()
		if b.reached >= place {
			return nil
		}
		changed := b.changed
		b.mu.Unlock()
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the review to reach %d: %w", place, ctx.Err())
		case <-changed:
		}
	}
}

// Save writes the file, unless nothing has happened since.
func (b *Book) Save() {
	b.mu.Lock()
	place := b.kept.Place
	if place == b.saved {
		b.mu.Unlock()
		return
	}
	text, err := json.Marshal(b.kept)
	b.mu.Unlock()
	if err == nil {
		err = b.o.Write(b.path, func(w io.Writer) error { _, err := w.Write(text); return err })
	}
	if err != nil {
		b.o.Log.Warn("the review is not kept: the next start reads the journal", "err", err)
		return
	}
	b.mu.Lock()
	b.saved = place
	b.mu.Unlock()
}

// Tell writes every past day of which the journal does not know these counts.
func (b *Book) Tell(ctx context.Context) error {
	b.telling.Lock()
	defer b.telling.Unlock()
	days, err := b.due(dateOf(b.o.Now(), b.o.Zone))
	if err != nil {
		return err
	}
	for _, in := range days {
		if _, err := b.o.Desk.Handle(ctx, in); err != nil {
			return fmt.Errorf("tell the counts of %s: %w", in.Day.Date, err)
		}
	}
	return nil
}

// due are the days before today that are to be told, oldest first.
func (b *Book) due(today string) ([]desk.ReviewIn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []desk.ReviewIn
	add := func(key string, d *day, revision int) error {
		in, err := d.input(key, revision, 0)
		list = append(list, in)
		return err
	}
	for _, key := range b.kept.keys() {
		if d := b.kept.Days[key]; d.Unsaid {
			if err := add(key, d, d.Revision+1); err != nil {
				return nil, err
			}
		}
	}
	works := b.kept.works()
	for _, date := range b.kept.openDates() {
		if date >= today {
			break
		}
		counts, people := b.kept.counted(date, works[date])
		fresh, old := &day{Counts: pack(counts), People: pack(people)}, b.kept.Days[date]
		if old == nil {
			old = &day{}
		}
		if old.Revision > 0 && old.same(fresh.Counts, fresh.People) {
			continue
		}
		if err := add(date, fresh, old.Revision+1); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Release makes the journal ready to lose what lies up to a place: it is read,
// and the counts of the days in it are written again after it. It reports false
// when some of it is of the last two days: those are not over.
func (b *Book) Release(ctx context.Context, through uint64) (bool, error) {
	for more := true; more; {
		var err error
		if more, err = b.fold(); err != nil {
			return false, err
		}
	}
	b.mu.Lock()
	date := b.kept.dateAt(through + 1)
	b.mu.Unlock()
	if date >= daysBefore(dateOf(b.o.Now(), b.o.Zone), 1) {
		return false, nil
	}
	if err := b.Tell(ctx); err != nil {
		return false, err
	}
	days, err := b.lost(through)
	if err != nil {
		return false, err
	}
	for _, in := range days {
		if _, err := b.o.Desk.Handle(ctx, in); err != nil {
			return false, fmt.Errorf("keep the counts of %s: %w", in.Day.Date, err)
		}
	}
	return true, nil
}

// lost are the days whose newest copy is about to go.
func (b *Book) lost(through uint64) ([]desk.ReviewIn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []desk.ReviewIn
	for _, key := range b.kept.keys() {
		if d := b.kept.Days[key]; d.Place > 0 && d.Place <= through && !d.Unsaid {
			in, err := d.input(key, d.Revision, through)
			if err != nil {
				return nil, err
			}
			list = append(list, in)
		}
	}
	return list, nil
}
