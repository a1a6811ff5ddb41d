package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
	"github.com/dgraph-io/ristretto/v2/z"
)

const (
	asidePrefix   = "damaged-" // + epoch: a journal that was set aside
	suspectPrefix = "suspect-" // + epoch: damage was seen while it ran
	metaAside     = "aside"    // the epoch that this one replaced
	metaCarried   = "carried"  // the checkpoint that this one starts from
)

// Aside lists the folders of journals that were set aside: what is in them has
// not reached headquarters unless it had before. Salvage reads them.
func (j *Journal) Aside() ([]string, error) { return Asides(j.options.Dir) }

// Asides is Aside for a journal that is not open; the oldest comes first.
func Asides(dir string) ([]string, error) {
	all, err := filepath.Glob(filepath.Join(dir, asidePrefix+"*"))
	if err != nil {
		return nil, fmt.Errorf("list what was set aside: %w", err)
	}
	return all, nil
}

// Carried is the state with which this epoch began: the newest checkpoint of
// the journal that was set aside. It is nil for an epoch that began empty. The
// places in it are those of the old epoch.
func (j *Journal) Carried() ([]byte, error) {
	name, err := j.meta(metaCarried)
	if err != nil || len(name) == 0 {
		return nil, err
	}
	path := filepath.Join(j.options.Dir, checkpointDir, string(name))
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read carried checkpoint: %w", err)
	}
	_, state, err := decodeCheckpoint(content)
	if err != nil {
		return nil, fmt.Errorf("read carried checkpoint %s: %w", path, err)
	}
	return state, nil
}

// meta is the value of a meta key; nil when there is none.
func (j *Journal) meta(name string) ([]byte, error) {
	var value []byte
	err := j.view(func(txn *badger.Txn) (err error) {
		value, err = getValue(txn, metaKey(name))
		return err
	})
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s of journal %s: %w", name, j.path, err)
	}
	return value, nil
}

// replace begins a new epoch and renames the damaged one. The new one stands
// first: a crash in between leaves one that knows what is still to be renamed.
func replace(options Options, lock *dirLock, space *space, damaged string, why error) (*Journal, error) {
	carried := newestCheckpointOf(options.Dir, damaged)
	epoch, err := beginEpoch(options, damaged, map[string][]byte{metaAside: []byte(damaged), metaCarried: []byte(carried)})
	if err != nil {
		return nil, fmt.Errorf("begin journal %s after %w: %w", options.Dir, why, err)
	}
	options.Logger.Error("journal set aside", "epoch", damaged, "to", filepath.Join(options.Dir, asidePrefix+damaged), "new", epoch, "state", carried, "err", why)
	return openEpoch(options, epoch, lock, space, false)
}

// putAside renames the epoch that this one replaced, if that is still to be
// done.
func (j *Journal) putAside() error {
	damaged, err := j.meta(metaAside)
	if err != nil || len(damaged) == 0 {
		return err
	}
	dir := j.options.Dir
	err = os.Rename(filepath.Join(dir, string(damaged)), filepath.Join(dir, asidePrefix+string(damaged)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // done before
	}
	if err != nil {
		return fmt.Errorf("set journal aside: %w", err)
	}
	_ = os.Remove(filepath.Join(dir, suspectPrefix+string(damaged)))
	return syncDir(dir)
}

// newestCheckpointOf is the file name of an epoch's newest checkpoint whose sum
// is right; empty when there is none. The journal itself cannot be asked.
func newestCheckpointOf(dir, epoch string) string {
	files, err := filepath.Glob(filepath.Join(dir, checkpointDir, epoch+"-*"))
	if err != nil {
		return ""
	}
	slices.Sort(files)
	for _, path := range slices.Backward(files) {
		if strings.HasSuffix(path, draftSuffix) {
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if header, _, err := decodeCheckpoint(content); err == nil && header.Epoch == epoch {
			return filepath.Base(path)
		}
	}
	return ""
}

// suspect remembers damage that was seen while the journal ran: the next start
// looks at all of it.
func (j *Journal) suspect(why error) {
	if j.readOnly {
		return
	}
	if err := os.WriteFile(filepath.Join(j.options.Dir, suspectPrefix+j.epoch), []byte(why.Error()+"\n"), 0o640); err != nil {
		j.options.Logger.Error("damage not noted", "err", err)
	}
}

// confirm checks a journal, all of it when it is suspected. What is whole after
// all is suspected no more.
func (j *Journal) confirm(tail, all func() error) error {
	path := filepath.Join(j.options.Dir, suspectPrefix+j.epoch)
	if _, err := os.Stat(path); err != nil {
		return tail()
	}
	if err := j.unharmed(tail, all); err != nil {
		return err
	}
	j.options.Logger.Warn("journal was suspected and is whole", "epoch", j.epoch)
	return os.Remove(path)
}

// unharmed takes a panic of badger over what it reads for what it is.
func (j *Journal) unharmed(checks ...func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = j.damaged(0, fmt.Errorf("badger: %.200v", r))
		}
	}()
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// checkStore looks at what badger would end the process over, in goroutines of
// its own: the tables that its manifest names.
func checkStore(path string) error {
	file, err := os.Open(filepath.Join(path, badger.ManifestFilename))
	if errors.Is(err, fs.ErrNotExist) {
		// badger would begin an empty one and delete every table.
		return &DamagedError{Path: path, Why: err}
	}
	if err != nil {
		return fmt.Errorf("open journal %s: %w", path, err)
	}
	defer file.Close()
	manifest, _, err := badger.ReplayManifestFile(file, 0, badger.DefaultOptions(path))
	if err != nil {
		return damage(path, err)
	}
	for id := range manifest.Tables {
		name := filepath.Join(path, fmt.Sprintf("%06d.sst", id))
		t, err := openTable(name)
		if err != nil {
			return damage(path, fmt.Errorf("table %s: %w", filepath.Base(name), err))
		}
		if err := t.Close(-1); err != nil {
			return fmt.Errorf("open journal %s: %w", path, err)
		}
	}
	return nil
}

var errTable = errors.New("it is no whole table")

// checkTable reads a table from its end: the length of the sum, the sum, the
// length of the index, the index.
func checkTable(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	end := info.Size()
	part := func(size int64) ([]byte, error) {
		if size <= 0 || size > end {
			return nil, errTable
		}
		end -= size
		b := make([]byte, size)
		_, err := file.ReadAt(b, end)
		return b, err
	}
	var sum, index []byte
	for _, into := range []*[]byte{&sum, &index} {
		size, err := part(4)
		if err != nil {
			return err
		}
		if *into, err = part(int64(int32(binary.BigEndian.Uint32(size)))); err != nil {
			return err
		}
	}
	want, err := decodeSum(sum)
	if err != nil {
		return err
	}
	return y.VerifyChecksum(index, want)
}

// openTable opens one of badger's tables by itself. Where badger panics over
// contents, that is an error here.
func openTable(path string) (t *table.Table, err error) {
	if err := checkTable(path); err != nil {
		return nil, err // badger would end the process
	}
	file, err := z.OpenMmapFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() {
		if r := recover(); r != nil {
			err = errors.Join(errTable, fmt.Errorf("badger: %.200v", r), file.Close(-1))
		}
	}()
	return table.OpenTable(file, table.Options{Compression: options.Snappy, BlockSize: 4 << 10, ChkMode: storeChecks, ReadOnly: true})
}

// decodeSum reads badger's protobuf message Checksum: two numbers.
func decodeSum(b []byte) (*pb.Checksum, error) {
	sum := &pb.Checksum{}
	for len(b) > 0 {
		field := b[0]
		value, n := binary.Uvarint(b[1:])
		if n <= 0 {
			return nil, errTable
		}
		switch b = b[1+n:]; field {
		case 1 << 3:
			sum.Algo = pb.Checksum_Algorithm(value)
		case 2 << 3:
			sum.Sum = value
		default:
			return nil, errTable
		}
	}
	if sum.Algo != pb.Checksum_CRC32C && sum.Algo != pb.Checksum_XXHash64 {
		return nil, errTable
	}
	return sum, nil
}

// damage makes a *DamagedError of what badger says when contents are wrong.
// badger wraps without keeping identities, so its words have to do; all that is
// not known to be damage is not.
func damage(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) && strings.Contains(err.Error(), ".sst") || errors.Is(err, errTable) || errors.Is(err, y.ErrChecksumMismatch) {
		return &DamagedError{Path: path, Why: err}
	}
	for _, words := range []string{
		y.ErrChecksumMismatch.Error(), "manifest has bad magic", "manifest has checksum mismatch", "Manifest file might be corrupted", "MANIFEST invalid", "MANIFEST removes",
		"invalid manifestChange", badger.ErrEncryptionKeyMismatch.Error(), "file does not exist for table", "Data corrupted", "invalid checksum length", "failed to read index",
	} {
		if strings.Contains(err.Error(), words) {
			return &DamagedError{Path: path, Why: err}
		}
	}
	return fmt.Errorf("open journal %s: %w", path, err)
}

// storeChecks makes badger check each block that it reads.
const storeChecks = options.OnBlockRead

// checkLength compares the journal's end with its checkpoints: each was written
// of what was synced, so one beyond the end says that synced events are gone.
func (j *Journal) checkLength() error {
	name := newestCheckpointOf(j.options.Dir, j.epoch)
	_, text, _ := strings.Cut(name, "-")
	if place, err := strconv.ParseUint(text, 10, 64); err == nil && place > j.synced.place {
		return j.damaged(j.synced.place, fmt.Errorf("it ends here, and checkpoint %s is of a later place", name))
	}
	return nil
}
