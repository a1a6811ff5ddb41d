// Package journal keeps the station's events in badger: append-only, one
// place and one sequence per lane without holes, hash-chained, synced before
// anything is acknowledged. It implements bridge.Appender.
//
// It refuses events above 64 KiB, keys above 1 KiB and drafts that are not
// events, each before anything has changed; and, when the disk runs out, first
// all but alarms and then alarms too (space.go). It never rewrites an event,
// but for the data that law removes (erase.go), and lets the oldest range go
// only as retirable.go says.
//
// It fails loudly: a write that the disk refused ends the process through
// Options.Fatal, because what the memory holds is then no longer what the disk
// holds. Contents that are wrong are a *DamagedError, or with Options.SetAside
// a new epoch beside the damaged one (aside.go, salvage.go); all else that
// hinders opening names the path and leaves it untouched. The crash cases, each
// with its test, stand in the README of package bridge.
package journal

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Limits. A group of Appends is one badger transaction, and an Append is never
// split over two.
const (
	StepBytesMax  = 1 << 20 // of one Append, encoded
	stepEventsMax = 2000
	keyBytesMax   = 1 << 10
	nameBytesMax  = 128
	groupsMax     = 16 // waiting; Append blocks above it

	memTableBytes = 16 << 20
	valueLogBytes = 16 << 20
	blockCache    = 16 << 20
)

// badger's largest transaction is 15 % of a memtable: a group of StepBytesMax
// with its index entries (at most 200 bytes an event) stays below.
const _ = uint(memTableBytes*15/100 - StepBytesMax - stepEventsMax*200)

// cursorSaveEvery is how long a moved cursor may stay in memory only.
const cursorSaveEvery = 100 * time.Millisecond

// Options says where the journal is and what it needs. Dir and Source are
// required.
type Options struct {
	Dir    string // created when absent; one directory per epoch below it
	Source string // CloudEvents source: /stations/{station}/boxes/{box}
	Logger *slog.Logger
	// Fatal is told once that a write failed, and must end the process. Nil
	// panics.
	Fatal func(error)
	// Reserve is how many bytes of disk are held back for the journal, in a
	// ballast file below Dir (journal.md, "Full disk"); 0: none, and then a
	// full disk ends the process.
	Reserve int64
	// Free asks for the free bytes and the size of a folder's file system;
	// nil asks the system.
	Free func(dir string) (free, total int64, err error)
	// SetAside lets Open rename a journal whose contents are wrong and begin a
	// new epoch (see Aside, Carried); without it Open returns *DamagedError.
	SetAside bool
	// Sign is the box's signature over bytes; nil: journal.retired goes
	// unsigned.
	Sign func([]byte) []byte
	// Rand gives salts and epochs; nil is crypto/rand. Tests make it
	// deterministic.
	Rand io.Reader
	// Now dates a new epoch; nil is time.Now.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Fatal == nil {
		o.Fatal = func(err error) { panic(err) }
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Journal is one epoch of the journal, open. Its methods may be called from
// many goroutines; Append is meant for one writer, the desk.
type Journal struct {
	options  Options
	epoch    string
	path     string // of the epoch
	db       *badger.DB
	lock     *dirLock
	space    *space
	readOnly bool

	mu       sync.Mutex
	room     *sync.Cond // a group was committed
	assigned heads      // what Append gave out
	synced   heads      // what the disk has
	forming  []*group
	expected int                      // events of the next group, if all who wait come back
	unsynced map[string]bridge.Record // by key of the record
	cursors  map[string]uint64        // by key in the store
	dirty    map[string]uint64        // of these, not yet saved
	low      low                      // what is kept begins after it
	changed  chan struct{}
	err      error // refuses appends: closed, failed, read-only

	wake     chan struct{} // something to commit
	jobs     chan job
	pause    *time.Timer // until the next batch is swept
	swept    uint64      // place; the commit loop's own
	sweptAt  time.Time   // likewise
	closing  chan struct{}
	finished chan struct{}
	watched  chan struct{}
	closed   sync.Once
	closeErr error

	checkpoints sync.Mutex
	reading     sync.RWMutex // held for the length of a read
	committed   snapshot     // what reads see
	ended       bool         // the store is closed
}

// Open opens the newest epoch below options.Dir, or begins the first one. The
// caller must Close it.
func Open(options Options) (*Journal, error) {
	options = options.withDefaults()
	if options.Dir == "" || options.Source == "" {
		return nil, errors.New("open journal: Dir and Source are required")
	}
	lock, err := lockDir(options.Dir)
	if err != nil {
		return nil, fmt.Errorf("open journal %s: %w", options.Dir, err)
	}
	j, err := open(options, lock)
	if err != nil {
		lock.release()
		return nil, err
	}
	go j.commitLoop()
	go j.spaceLoop()
	return j, nil
}

func open(options Options, lock *dirLock) (*Journal, error) {
	space, err := openSpace(options)
	if err != nil {
		return nil, fmt.Errorf("open journal %s: %w", options.Dir, err)
	}
	j, err := openNewest(options, lock, space)
	if err != nil {
		return nil, errors.Join(err, space.end())
	}
	return j, nil
}

func openNewest(options Options, lock *dirLock, space *space) (*Journal, error) {
	epoch, err := newestEpoch(options.Dir)
	if err != nil {
		return nil, fmt.Errorf("open journal %s: %w", options.Dir, err)
	}
	if epoch == "" {
		if epoch, err = beginEpoch(options, "", nil); err != nil {
			return nil, fmt.Errorf("begin journal %s: %w", options.Dir, err)
		}
	}
	j, err := openEpoch(options, epoch, lock, space, false)
	var damaged *DamagedError
	if options.SetAside && errors.As(err, &damaged) {
		j, err = replace(options, lock, space, epoch, err)
	}
	if err != nil {
		return nil, err
	}
	if err := j.putAside(); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal %s: %w", options.Dir, err), j.db.Close())
	}
	return j, nil
}

// OpenReadOnly opens the newest epoch below dir for reading, while no box has
// it open; while one has, the error is ErrHeld and the box itself answers
// (GET /api/v1/journal). After a kill badger's log is first cut back to its
// last whole transaction, as a start of the box would do, and that needs the
// right to write.
func OpenReadOnly(dir string, logger *slog.Logger) (*Journal, error) {
	options := Options{Dir: dir, Logger: logger}.withDefaults()
	lock, err := lockDirShared(dir)
	if err != nil {
		return nil, fmt.Errorf("open journal %s: %w", dir, err)
	}
	j, err := openShared(options, lock)
	if err != nil {
		lock.release()
		return nil, err
	}
	return j, nil
}

func openShared(options Options, lock *dirLock) (*Journal, error) {
	epoch, err := newestEpoch(options.Dir)
	if err == nil && epoch == "" {
		err = errors.New("there is none")
	}
	if err != nil {
		return nil, fmt.Errorf("open journal %s: %w", options.Dir, err)
	}
	path := filepath.Join(options.Dir, epoch)
	_ = removeUnbegun(path) // without the right to, badger says what hinders it
	j, err := openEpoch(options, epoch, lock, &space{}, true)
	if err == nil || !needsRepair(err) {
		return j, err
	}
	db, err := openStore(path, false, options.Logger)
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, fmt.Errorf("close journal %s: %w", options.Dir, err)
	}
	return openEpoch(options, epoch, lock, &space{}, true)
}

func openEpoch(options Options, epoch string, lock *dirLock, space *space, readOnly bool) (*Journal, error) {
	path := filepath.Join(options.Dir, epoch)
	if !readOnly {
		if err := space.begin(path); err != nil {
			return nil, fmt.Errorf("open journal %s: %w", path, err)
		}
	}
	if err := checkStore(path); err != nil {
		return nil, err
	}
	db, err := openStore(path, readOnly, options.Logger)
	if err != nil {
		return nil, err
	}
	j := &Journal{
		options: options, epoch: epoch, path: path, db: db, lock: lock, space: space, readOnly: readOnly,
		unsynced: map[string]bridge.Record{}, cursors: map[string]uint64{}, dirty: map[string]uint64{},
		changed: make(chan struct{}), wake: make(chan struct{}, 1), jobs: make(chan job), pause: time.NewTimer(0),
		closing: make(chan struct{}), finished: make(chan struct{}), watched: make(chan struct{}),
	}
	j.room = sync.NewCond(&j.mu)
	j.committed.renew(db)
	if readOnly {
		j.err = ErrReadOnly
		close(j.finished)
		close(j.watched)
	}
	if err := j.load(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := space.follow(path); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal %s: %w", path, err), db.Close())
	}
	return j, nil
}

// load reads the heads and cursors and checks the tail against them.
func (j *Journal) load() error {
	err := j.db.View(func(txn *badger.Txn) error {
		version, err := getValue(txn, metaKey(metaVersion))
		if err != nil {
			return j.damaged(0, fmt.Errorf("format version: %w", err))
		}
		if len(version) != 4 || binary.BigEndian.Uint32(version) != formatVersion {
			return fmt.Errorf("open journal %s: format %x: this program reads %d", j.path, version, formatVersion)
		}
		for _, lane := range bridge.Lanes() {
			value, err := getValue(txn, metaKey(metaHead+string(lane)))
			if errors.Is(err, badger.ErrKeyNotFound) {
				continue
			}
			if err != nil {
				return fmt.Errorf("read journal %s: head of %s: %w", j.path, lane, err)
			}
			h, err := decodeHead(value)
			if err != nil {
				return j.damaged(0, fmt.Errorf("head of %s: %w", lane, err))
			}
			j.synced.lanes[lane.Code()] = h
			j.synced.place = max(j.synced.place, h.place)
		}
		if err := j.loadLow(txn); err != nil {
			return err
		}
		return j.loadCursors(txn)
	})
	if err != nil {
		return err
	}
	j.assigned = j.synced
	if err := j.checkLength(); err != nil {
		return err
	}
	if j.options.SetAside {
		return j.confirm(j.checkTail, func() error { _, err := j.Verify(context.Background(), 0); return err })
	}
	return j.checkTail()
}

func (j *Journal) loadCursors(txn *badger.Txn) error {
	options := badger.DefaultIteratorOptions
	options.Prefix = []byte{prefixCursor}
	it := txn.NewIterator(options)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		value, err := it.Item().ValueCopy(nil)
		if err != nil {
			return fmt.Errorf("read journal %s: cursor %q: %w", j.path, it.Item().Key(), err)
		}
		position, err := placeOf(value)
		if err != nil {
			return j.damaged(0, fmt.Errorf("cursor %q: %w", it.Item().Key(), err))
		}
		j.cursors[string(it.Item().Key())] = position
	}
	return nil
}

func (j *Journal) damaged(place uint64, why error) error {
	err := &DamagedError{Path: j.path, Place: place, Why: why}
	j.suspect(err)
	return err
}

// Close waits for appends that are on their way, saves the cursors and closes
// the store. Later appends are refused with ErrClosed.
func (j *Journal) Close() error {
	j.closed.Do(func() {
		j.mu.Lock()
		if j.err == nil {
			j.err = ErrClosed
		}
		j.room.Broadcast()
		j.mu.Unlock()
		close(j.closing)
		<-j.finished
		<-j.watched
		j.reading.Lock()
		defer j.reading.Unlock()
		j.ended = true
		j.committed.end()
		if !j.space.closes() {
			// Flushing would end in SIGBUS. The log is synced: the next start
			// finds all of it, as after a kill.
			j.options.Logger.Error("journal left as it is: no room to flush it", "store", j.path)
		} else if err := j.db.Close(); err != nil {
			j.closeErr = fmt.Errorf("close journal %s: %w", j.path, err)
		}
		j.closeErr = errors.Join(j.closeErr, j.space.end())
		j.lock.release()
	})
	return j.closeErr
}

// Run closes the journal when ctx ends.
func (j *Journal) Run(ctx context.Context) error {
	<-ctx.Done()
	return j.Close()
}
