package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// badger writes its files through memory maps. A page of a sparse file for
// which the disk has no block left ends the process with SIGBUS, and the next
// start as well. So no block is taken at the last moment here: the next
// memtable's file gets its blocks before badger wants it (prepare), and a
// ballast file is given back in steps before flush and compaction could find
// the disk full (watch). It is not given back while the free space still
// falls: whoever fills the disk would take that too, instead of being told that
// the disk is full. Until then writes wait (settle); a compaction that is under
// way has the margin.
const (
	ballastName  = "ballast"
	alarmsUntil  = 128 << 20 // bytes left: below, alarms are refused too
	ballastSteps = 8
	stepBytesMax = 64 << 20 // of the ballast at a time
	spaceEvery   = 50 * time.Millisecond

	fallingMin  = 1 << 20 // bytes from one look to the next
	steadyFor   = 250 * time.Millisecond
	settleEvery = 10 * time.Millisecond
	settleLooks = 100

	tableExt = ".mem"
	// tableBytes is what a memtable's file can fill: badger changes files at
	// memTableBytes, looks before each transaction, and takes 15 % at once.
	tableBytes = memTableBytes + memTableBytes*15/100 + 1<<20
	// flushBytes is what flushing may take before appends stop: the memtable in
	// use and two behind it.
	flushBytes = 3 * memTableBytes
	// openBytes is what a start takes: a memtable's file, and flushing one.
	openBytes = 2 * tableBytes
)

// Level is what the disk has room for.
type Level int

// Levels.
const (
	LevelAll    Level = iota // everything
	LevelAlarms              // below the reserve: lane alarm only
	LevelNone                // below the last of it: nothing
)

// Space is how much room the journal has.
type Space struct {
	Free    int64 // bytes that the file system gives to anybody
	Ballast int64 // bytes held back for the journal
	Reserve int64 // bytes that the ballast has when the disk is not short
	Wanted  int64 // Options.Reserve; above Reserve when the disk is too small
	Level   Level
	Trouble string // why blocks cannot be held back; empty: they are
}

// space guards the blocks that the journal needs. It is made by openSpace and
// does nothing when there is no reserve.
type space struct {
	dir  string
	free func(dir string) (free, total int64, err error)

	mu      sync.Mutex
	ballast *os.File
	now     Space
	total   int64
	last    int64 // free at the last look
	fell    time.Time
	step    int64
	margin  int64 // bytes kept free for flush and compaction, and below which alarms are refused

	store    string // of the epoch
	prepared string // path of the next memtable's file; empty: not prepared
	next     int    // its number
}

// freeBytes is what the file system gives to a process without privileges, and
// how large it is.
func freeBytes(dir string) (free, total int64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, 0, fmt.Errorf("ask for the free space of %s: %w", dir, err)
	}
	return int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize, nil
}

// openSpace takes the ballast, or as much as the disk can bear: at most a
// quarter of it. It gives back what badger needs to open.
func openSpace(options Options) (*space, error) {
	s := &space{dir: options.Dir, free: options.Free, now: Space{Wanted: options.Reserve}}
	if options.Reserve <= 0 {
		return s, nil
	}
	if s.free == nil {
		s.free = freeBytes
	}
	file, err := os.OpenFile(filepath.Join(options.Dir, ballastName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open ballast: %w", err)
	}
	s.ballast = file
	if err := s.size(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	s.now.Reserve = min(options.Reserve, s.total/4)
	s.margin = min(alarmsUntil, max(s.now.Reserve/2, flushBytes))
	s.step = min(stepBytesMax, max(s.now.Reserve/ballastSteps, 1<<20))
	if left := s.now.Free + s.now.Ballast; left < max(s.margin/2, openBytes) {
		return nil, errors.Join(fmt.Errorf("%w: %d MiB left on the file system of %s; make room and start again", ErrFull, left>>20, options.Dir), file.Close())
	}
	if s.now.Ballast > s.now.Reserve {
		s.resize(s.now.Reserve)
	}
	s.balance()
	return s, nil
}

// size asks the file system. s.mu is held, or nobody else knows s yet.
func (s *space) size() error {
	free, total, err := s.free(s.dir)
	if err != nil {
		return err
	}
	info, err := s.ballast.Stat()
	if err != nil {
		return fmt.Errorf("look at ballast: %w", err)
	}
	s.now.Free, s.now.Ballast, s.total = free, info.Size(), total
	return nil
}

// balance gives ballast back while less than the margin is free, takes it
// again when there is plenty, and says what may be appended.
func (s *space) balance() {
	if s.now.Free < s.last-fallingMin {
		s.fell = time.Now()
	}
	s.last = s.now.Free
	for time.Since(s.fell) > steadyFor && s.now.Free < s.margin && s.now.Ballast > 0 {
		if !s.resize(max(0, s.now.Ballast-s.step)) {
			break
		}
		s.last = s.now.Free
	}
	if s.now.Ballast < s.now.Reserve && s.now.Free > 2*s.margin+s.step {
		s.resize(min(s.now.Reserve, s.now.Ballast+s.now.Free-2*s.margin))
	}
	left := s.now.Free + s.now.Ballast
	switch {
	case left < s.margin:
		s.now.Level = LevelNone
	case left < s.now.Reserve:
		s.now.Level = LevelAlarms
	default:
		s.now.Level = LevelAll
	}
}

// resize changes the ballast. Given back, its blocks are for use only after
// the file system has committed that: hence the sync.
func (s *space) resize(size int64) bool {
	var err error
	if size > s.now.Ballast {
		err = syscall.Fallocate(int(s.ballast.Fd()), 0, 0, size)
	} else {
		err = s.ballast.Truncate(size)
	}
	if err = errors.Join(err, s.ballast.Sync()); err != nil {
		s.now.Trouble = fmt.Sprintf("ballast %s of %d MiB: %v", s.ballast.Name(), size>>20, err)
		s.now.Reserve = min(s.now.Reserve, max(s.now.Ballast, s.margin))
	}
	return s.size() == nil && err == nil
}

// watch is called before every write and every spaceEvery.
func (s *space) watch() {
	if s.ballast == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.size(); err != nil {
		s.now.Trouble = err.Error()
		return
	}
	s.balance()
	s.prepare()
	if s.prepared == "" && s.store != "" && s.now.Trouble == "" {
		s.now.Level = LevelNone // badger would take blocks that may not be there
	}
}

// settle waits until the margin is free: until whoever fills the disk has come
// to its end and the ballast is given back, for a second at most.
func (s *space) settle() {
	for range settleLooks {
		s.watch()
		s.mu.Lock()
		short := s.ballast != nil && s.now.Free < s.margin && s.now.Ballast > 0 && s.now.Trouble == ""
		s.mu.Unlock()
		if !short {
			return
		}
		time.Sleep(settleEvery)
	}
}

// begin makes a store fit to be opened.
func (*space) begin(store string) error { return removeUnbegun(store) }

// follow holds back the blocks of an open store's memtable and of the next.
func (s *space) follow(store string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ballast == nil {
		return nil
	}
	highest, err := highestTable(store)
	if err != nil {
		return err
	}
	s.store, s.next = store, highest
	s.hold(os.O_RDWR)
	s.prepared, s.next = "", highest+1
	s.prepare()
	return nil
}

// closes reports whether the store can be closed: that flushes its memtable.
func (s *space) closes() bool {
	s.settle()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ballast == nil || s.now.Free >= tableBytes
}

// end removes what was prepared and not used.
func (s *space) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ballast == nil {
		return nil
	}
	err := s.ballast.Close()
	s.ballast = nil
	if s.store != "" {
		err = errors.Join(err, removeUnbegun(s.store))
	}
	return err
}

func (s *space) tablePath() string {
	return filepath.Join(s.store, fmt.Sprintf("%05d%s", s.next, tableExt))
}

// prepare makes the file that badger will take as its next memtable: empty, so
// that badger takes it for new, with all its blocks already behind its end.
func (s *space) prepare() {
	if s.store == "" || s.ballast == nil {
		return
	}
	if s.prepared != "" {
		info, err := os.Stat(s.prepared)
		if err == nil && info.Size() == 0 {
			return
		}
		s.prepared, s.next = "", s.next+1
	}
	s.hold(os.O_RDWR | os.O_CREATE)
}

// hold takes the blocks of the table s.next, behind its end where it is empty.
func (s *space) hold(flags int) {
	file, err := os.OpenFile(s.tablePath(), flags, 0o600)
	if err != nil {
		s.now.Trouble = err.Error()
		return
	}
	defer file.Close()
	const keepSize = 0x01 // FALLOC_FL_KEEP_SIZE
	err = syscall.Fallocate(int(file.Fd()), keepSize, 0, tableBytes)
	switch {
	case err == nil:
		s.prepared = file.Name()
		return
	case errors.Is(err, syscall.EOPNOTSUPP):
		s.now.Trouble = fmt.Sprintf("the file system of %s cannot hold blocks back (fallocate); a full disk may end the process", s.dir)
	case !errors.Is(err, syscall.ENOSPC):
		s.now.Trouble = fmt.Sprintf("hold back blocks for %s: %v", file.Name(), err)
	}
	// An empty file stays: badger may be opening it at this moment, and its log
	// would have no name any more. Close and the next start remove it.
}

// admits reports whether a step may be appended now. A step that holds
// an alarm is an alarm.
func (s *space) admits(drafts []bridge.Draft) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.now.Level {
	case LevelNone:
		return fmt.Errorf("%w: %d MiB left for %s", ErrFull, (s.now.Free+s.now.Ballast)>>20, s.dir)
	case LevelAlarms:
		for i := range drafts {
			if drafts[i].Lane == bridge.Alarm {
				return nil
			}
		}
		return fmt.Errorf("%w: %d of %d MiB left for %s", ErrReserve, (s.now.Free+s.now.Ballast)>>20, s.now.Reserve>>20, s.dir)
	}
	return nil
}

func (s *space) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now.Level == LevelNone
}

// Space is how much room the journal has, as of the last look.
func (j *Journal) Space() Space {
	j.space.mu.Lock()
	defer j.space.mu.Unlock()
	return j.space.now
}

func highestTable(store string) (int, error) {
	highest := 0
	err := eachTable(store, func(_ string, number int) error {
		highest = max(highest, number)
		return nil
	})
	return highest, err
}

// eachTable goes through the memtables by their names only: an open store
// deletes those that it has flushed at any moment.
func eachTable(store string, do func(path string, number int) error) error {
	entries, err := os.ReadDir(store)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), tableExt)
		number, err := strconv.Atoi(name)
		if !ok || err != nil {
			continue
		}
		if err := do(filepath.Join(store, entry.Name()), number); err != nil {
			return err
		}
	}
	return nil
}

func (l Level) String() string {
	return [...]string{"all", "alarms only", "nothing"}[l]
}
