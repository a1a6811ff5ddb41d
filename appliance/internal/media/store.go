package media

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Class is a kind of file with its own folder and budget.
type Class string

// The classes; each is a folder below the data directory. Spool has no
// budget: package clip empties it.
const (
	Recordings Class = "recordings"
	Clips      Class = "clips"
	Snapshots  Class = "snapshots" // of cameras
	Pictures   Class = "pictures"  // of people: with reports
	Telemetry  Class = "telemetry" // of drones
	Positions  Class = "positions" // of people on duty
	Spool      Class = "spool"
)

// Errors that callers tell apart.
var (
	ErrNotFound = errors.New("not kept")
	ErrDiskFull = errors.New("disk full: recording stopped")
	ErrNotKey   = errors.New("a segment begins with a key unit")
	ErrName     = errors.New("not a usable name")
)

// Defaults of Options.
const (
	DefaultSegment = time.Minute
	DefaultMinFree = 1 << 30     // bytes
	Joined         = time.Second // a pause in a recording up to this is none
	sweepEvery     = 10 * time.Second

	// syncsMax is how many recordings sync at a time: a file system commits
	// one after the other, and a press that waits to be synced stands behind
	// all of them.
	syncsMax = 2
)

// Budget bounds a class. Zero is no bound.
type Budget struct {
	Bytes int64
	Age   time.Duration
}

// Item is one file of the index.
type Item struct {
	Class    Class
	Name     string // path below the data directory, with slashes
	Owner    string // camera, clip, drone or person; of stills their SHA-256
	From, To time.Time
	Bytes    int64
	Uploaded bool // headquarters has it

	open bool // a segment that is being written, a picture that no report names yet
}

// Eviction is one item that was deleted, and why: "age", "budget" or "space".
type Eviction struct {
	Item
	Why string
}

// Options of a Store.
type Options struct {
	Dir     string
	Log     *slog.Logger
	Budgets map[Class]Budget
	// MinFree is how many bytes must be free on the disk, else nothing is
	// recorded; below twice that, the oldest goes. 0: DefaultMinFree, negative:
	// none.
	MinFree int64
	Segment time.Duration // length of a segment; 0: DefaultSegment
	// Evicted is told of what a sweep deleted, after the files are gone. It
	// must not call the store.
	Evicted func([]Eviction)
	// Recorded is told of each stretch of a camera's recording after it is on
	// the disk and in the index. It is called by the camera's recorder.
	Recorded func(camera string, from, to time.Time)
	// Held is asked once for each class of each sweep, and what it gives, of
	// each item that may go: it protects legal holds and clips that grow.
	Held func() func(Item) bool
}

// Store is the files of one box. All methods may be called from any goroutine.
type Store struct {
	opt  Options
	boot uint64

	syncs    chan struct{} // a slot for each sync of recordings under way
	sweeping sync.Mutex    // held by a sweep, before mu
	pictures sync.Mutex    // held while one changes its place, before mu
	growth   growth        // of a sweep

	mu       sync.Mutex
	items    map[string]*Item
	segments map[string][]*Item // by camera, of Recordings and Spool, by From
	last     map[string]time.Time
	count    counters
}

// New makes a store; Open must be called before anything else.
func New(opt Options) *Store {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Segment <= 0 {
		opt.Segment = DefaultSegment
	}
	if opt.MinFree == 0 {
		opt.MinFree = DefaultMinFree
	}
	return &Store{
		opt: opt, syncs: make(chan struct{}, syncsMax), items: map[string]*Item{}, segments: map[string][]*Item{}, last: map[string]time.Time{},
		count: counters{evicted: map[Class]uint64{}, added: map[Class]int64{}, recorded: map[string]time.Duration{}},
	}
}

// Open makes the folders and the index from what is on disk.
func (s *Store) Open() error {
	var nonce [8]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return fmt.Errorf("open media: %w", err)
	}
	s.boot = binary.BigEndian.Uint64(nonce[:])
	for _, class := range []Class{Recordings, Clips, Snapshots, Pictures, Telemetry, Positions, Spool} {
		if err := makeDir(filepath.Join(s.opt.Dir, string(class))); err != nil {
			return fmt.Errorf("open media: %w", err)
		}
		if err := s.index(class); err != nil {
			return fmt.Errorf("open media %s: %w", class, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.count.added)
	return nil
}

// Run enforces the budgets until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		s.Sweep(time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Boot names this run of the box in samples and fragments.
func (s *Store) Boot() uint64 { return s.boot }

// Path is where a file lies: the names are folders and a file below the class.
func (s *Store) Path(class Class, names ...string) string {
	return filepath.Join(append([]string{s.opt.Dir, string(class)}, names...)...)
}

// Add puts a file that was written below its class into the index, or
// replaces what the index says of it.
func (s *Store) Add(it Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(&it)
}

func (s *Store) add(it *Item) {
	s.count.added[it.Class] += it.Bytes
	if old := s.items[it.Name]; old != nil {
		s.count.added[it.Class] -= old.Bytes
	}
	s.drop(it.Name)
	s.items[it.Name] = it
	if it.Class == Recordings || it.Class == Spool {
		list := s.segments[it.Owner]
		at, _ := slices.BinarySearchFunc(list, it, func(a, b *Item) int { return a.From.Compare(b.From) })
		s.segments[it.Owner] = slices.Insert(list, at, it)
	}
}

func (s *Store) drop(name string) {
	it, ok := s.items[name]
	if !ok {
		return
	}
	delete(s.items, name)
	if list := s.segments[it.Owner]; it.Class == Recordings || it.Class == Spool {
		s.segments[it.Owner] = slices.DeleteFunc(list, func(x *Item) bool { return x == it })
	}
}

// Lookup is the index's word on a file.
func (s *Store) Lookup(name string) (Item, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	it, ok := s.items[name]
	if !ok {
		return Item{}, false
	}
	return *it, true
}

// SetUploaded marks a file as being at headquarters: it goes first when room
// is needed. The mark is not kept over a restart: its owner sets it again.
func (s *Store) SetUploaded(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if it, ok := s.items[name]; ok {
		it.Uploaded = true
	}
}

// Remove deletes a file and its entry. A file that is already gone is no error.
func (s *Store) Remove(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.remove(name)
}

func (s *Store) remove(name string) error {
	err := os.Remove(filepath.Join(s.opt.Dir, filepath.FromSlash(name)))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	s.drop(name)
	return nil
}

// Folder is the name a device's folder has: its id, with what a path must not
// contain escaped.
func Folder(id string) (string, error) {
	if id == "" || len(id) > 120 {
		return "", fmt.Errorf("name folder %q: %w", id, ErrName)
	}
	f := url.PathEscape(id)
	if f[0] == '.' {
		f = "%2E" + f[1:]
	}
	return f, nil
}

// name is the index's name of a path.
func (s *Store) name(path string) string {
	rel, err := filepath.Rel(s.opt.Dir, path)
	if err != nil {
		return path
	}
	return filepath.ToSlash(rel)
}

const tempPrefix = ".tmp-"

// WriteFile writes a file whole or not at all: temporary file, sync, rename,
// sync of the folder.
func WriteFile(path string, write func(io.Writer) error) (err error) {
	dir := filepath.Dir(path)
	if err := makeDir(dir); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	f, err := os.CreateTemp(dir, tempPrefix+"*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
		}
	}()
	if err := errors.Join(write(f), f.Chmod(0o640), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// makeDir makes a folder so that it is there after a power cut too.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := makeDir(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o750); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	return errors.Join(d.Sync(), d.Close())
}

func isTemp(name string) bool { return strings.HasPrefix(name, tempPrefix) }
