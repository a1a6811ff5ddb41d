package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/dgraph-io/badger/v4"
	"github.com/oklog/ulid/v2"
)

const (
	lockName      = "lock"
	newPrefix     = ".new-" // an epoch that was never finished
	checkpointDir = "checkpoints"
	dirMode       = 0o750
	valueLogExt   = ".vlog"
)

// openStore opens badger with every option that matters said here.
func openStore(path string, readOnly bool, logger *slog.Logger) (*badger.DB, error) {
	options := badger.DefaultOptions(path).
		WithSyncWrites(true).
		WithReadOnly(readOnly).
		WithDetectConflicts(false). // one writer
		WithNumVersionsToKeep(1).
		WithMetricsEnabled(false).
		WithMemTableSize(memTableBytes).
		WithNumMemtables(3).
		WithValueLogFileSize(valueLogBytes).
		WithBlockCacheSize(blockCache).
		WithNumCompactors(2).
		WithNumGoroutines(2).
		WithChecksumVerificationMode(storeChecks).
		WithLogger(badgerLogger{logger.With("store", path)})
	db, err := badger.Open(options)
	if err != nil {
		return nil, damage(path, err)
	}
	return db, nil
}

// removeUnbegun removes the files of a closed store that end before anything
// could stand in them: badger opens none of them (v4.9.6: "Create a new file"
// for a log, "Error while reading IV" for its keys, a panic for what it counts).
// They are what a kill leaves between a file's creation and its first length, or
// while badger deletes one, and what space prepared and nobody used.
func removeUnbegun(store string) error {
	entries, err := os.ReadDir(store)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		begins := beginning(entry.Name())
		if begins == 0 {
			continue
		}
		info, err := entry.Info()
		if err == nil && info.Size() < begins {
			err = os.Remove(filepath.Join(store, entry.Name()))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// beginning is how many bytes one of badger's files has before the first that
// says anything; 0 for those that only a damaged store has too short.
func beginning(name string) int64 {
	switch filepath.Ext(name) {
	case tableExt, valueLogExt:
		return 20 // its key's number and IV; nothing is encrypted here
	}
	switch name {
	case badger.KeyRegistryFileName:
		return 28 // IV and "Hello Badger"; no keys follow
	case "DISCARD":
		return 1 << 20 // grown by badger in one go
	}
	return 0
}

// needsRepair reports whether badger refused because its log ends in what a
// kill left unfinished. badger's wrapping hides the error's identity.
func needsRepair(err error) bool {
	return strings.Contains(err.Error(), badger.ErrTruncateNeeded.Error())
}

// newestEpoch is the last epoch's name; "" when there is none.
func newestEpoch(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	newest := ""
	for _, entry := range entries {
		if _, err := ulid.ParseStrict(entry.Name()); err == nil && entry.IsDir() {
			newest = max(newest, entry.Name())
		}
	}
	return newest, nil
}

// beginEpoch makes an empty epoch that sorts after another one, whatever the
// clock says. It is built under another name and renamed, so an epoch that
// exists is whole; what a crash left behind is removed.
func beginEpoch(options Options, after string, metas map[string][]byte) (string, error) {
	at := ulid.Timestamp(options.Now())
	if before, err := ulid.ParseStrict(after); err == nil {
		at = max(at, before.Time()+1)
	}
	id, err := ulid.New(at, options.Rand)
	if err != nil {
		return "", err
	}
	if err := removeUnfinished(options.Dir); err != nil {
		return "", err
	}
	draft := filepath.Join(options.Dir, newPrefix+id.String())
	db, err := openStore(draft, false, options.Logger)
	if err != nil {
		return "", err
	}
	err = db.Update(func(txn *badger.Txn) error {
		for name, value := range metas {
			if err := txn.Set(metaKey(name), value); err != nil {
				return err
			}
		}
		return txn.Set(metaKey(metaVersion), binary.BigEndian.AppendUint32(nil, formatVersion))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return "", err
	}
	if err := os.Rename(draft, filepath.Join(options.Dir, id.String())); err != nil {
		return "", err
	}
	if err := syncDir(options.Dir); err != nil {
		return "", err
	}
	options.Logger.Info("journal begins", "epoch", id.String())
	return id.String(), nil
}

func removeUnfinished(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), newPrefix) {
			if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// dirLock keeps a second process away from all epochs at once; badger's own
// lock covers one.
type dirLock struct{ file *os.File }

func lockDir(dir string) (*dirLock, error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	if err := flock(file, syscall.LOCK_EX); err != nil {
		return nil, err
	}
	if err := file.Truncate(0); err == nil {
		_, _ = file.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0) // for the message of whoever comes second
	}
	return &dirLock{file}, nil
}

func lockDirShared(dir string) (*dirLock, error) {
	file, err := os.Open(filepath.Join(dir, lockName))
	if err != nil {
		return nil, err
	}
	if err := flock(file, syscall.LOCK_SH); err != nil {
		return nil, err
	}
	return &dirLock{file}, nil
}

func flock(file *os.File, how int) error {
	err := syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB)
	if err == nil {
		return nil
	}
	var pid [16]byte
	n, _ := file.ReadAt(pid[:], 0)
	_ = file.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("%w: process %s", ErrHeld, pid[:n])
	}
	return fmt.Errorf("lock %s: %w", file.Name(), err)
}

func (l *dirLock) release() { _ = l.file.Close() }

// makeDir makes a directory that is still there after a power cut.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// getValue is the value of a key, copied.
func getValue(txn *badger.Txn, key []byte) ([]byte, error) {
	item, err := txn.Get(key)
	if err != nil {
		return nil, err
	}
	return item.ValueCopy(nil)
}

// badgerLogger hands badger's words to slog. What badger calls info (tables
// flushed, compactions) is debug here.
type badgerLogger struct{ logger *slog.Logger }

func (l badgerLogger) Errorf(format string, args ...any) {
	l.logger.Error(badgerLine(format, args))
}

func (l badgerLogger) Warningf(format string, args ...any) {
	l.logger.Warn(badgerLine(format, args))
}

func (l badgerLogger) Infof(format string, args ...any) {
	l.logger.Debug(badgerLine(format, args))
}

func (l badgerLogger) Debugf(format string, args ...any) {
	l.logger.Debug(badgerLine(format, args))
}

func badgerLine(format string, args []any) string {
	return "badger: " + strings.TrimSpace(fmt.Sprintf(format, args...))
}
