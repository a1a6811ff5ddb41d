package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"

	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Salvaged is what Salvage read of a damaged journal.
type Salvaged struct {
	Records uint64   // whole records
	Bad     uint64   // records that contradict their own hash or cannot be read
	Holes   uint64   // places between the first and the last record that are missing
	Files   []string // that could not be read to their end, and why
	// Cursors are the newest that were found, by their keys in the store.
	Cursors map[string]uint64 `json:"-"`
}

// Salvage reads the records of a damaged journal's folder, whatever badger and
// the other files say: each table and each log by itself. It gives the whole
// ones to visit, in the order of their places, and changes nothing. A record
// that was removed by retention may come again; one that was erased may not,
// unless what erased it is damaged.
func Salvage(ctx context.Context, path string, visit func(bridge.Record) error) (Salvaged, error) {
	return salvageFor(ctx, path, func(map[string]uint64) {}, visit)
}

// salvageFor is Salvage that tells the cursors before it visits a record.
func salvageFor(ctx context.Context, path string, begin func(cursors map[string]uint64), visit func(bridge.Record) error) (Salvaged, error) {
	s := &salvage{ctx: ctx, places: map[uint64]placed{}, cursors: map[string]uint64{}, seen: Salvaged{Cursors: map[string]uint64{}}}
	for pattern, read := range map[string]func(string, func(key, value []byte, version uint64)) error{"*.sst": readTable, "*" + tableExt: readLog} {
		files, err := filepath.Glob(filepath.Join(path, pattern))
		if err != nil {
			return Salvaged{}, fmt.Errorf("salvage journal %s: %w", path, err)
		}
		for _, file := range files {
			s.sources = append(s.sources, source{file, read})
		}
	}
	if len(s.sources) == 0 {
		return Salvaged{}, fmt.Errorf("salvage journal %s: no table and no log is there", path)
	}
	if err := s.find(); err != nil {
		return Salvaged{}, fmt.Errorf("salvage journal %s: %w", path, err)
	}
	begin(s.seen.Cursors)
	if err := s.give(visit); err != nil {
		return s.seen, fmt.Errorf("salvage journal %s: %w", path, err)
	}
	return s.seen, nil
}

// salvage remembers for each place where its newest version stands, not the
// record: a journal may be larger than the memory.
type salvage struct {
	ctx     context.Context
	sources []source
	places  map[uint64]placed
	cursors map[string]uint64 // versions of seen.Cursors
	seen    Salvaged
}

type source struct {
	path string
	read func(path string, found func(key, value []byte, version uint64)) error
}

type placed struct {
	version uint64
	source  int
}

// find reads all sources once.
func (s *salvage) find() error {
	for i, from := range s.sources {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		err := from.read(from.path, func(key, value []byte, version uint64) {
			s.cursor(key, value, version)
			if len(key) != 9 || key[0] != prefixEvent || len(value) == 0 {
				return
			}
			place := binary.BigEndian.Uint64(key[1:])
			if old, ok := s.places[place]; !ok || version > old.version {
				s.places[place] = placed{version, i}
			}
		})
		if err != nil {
			s.seen.Files = append(s.seen.Files, fmt.Sprintf("%s: %v", filepath.Base(from.path), err))
		}
	}
	return nil
}

// cursor remembers the newest version of a cursor.
func (s *salvage) cursor(key, value []byte, version uint64) {
	if len(key) < 3 || key[0] != prefixCursor {
		return
	}
	position, err := placeOf(value)
	if old, ok := s.cursors[string(key)]; err != nil || ok && version < old {
		return
	}
	s.cursors[string(key)], s.seen.Cursors[string(key)] = version, position
}

// give reads the sources again, each record from where its newest version is.
// A source is held in memory at a time: badger's are at most some 100 MB.
func (s *salvage) give(visit func(bridge.Record) error) error {
	order := make([]uint64, 0, len(s.places))
	for place := range s.places {
		order = append(order, place)
	}
	slices.Sort(order)
	loaded := map[int]map[uint64][]byte{}
	var recent []int
	for i, place := range order {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		if i > 0 {
			s.seen.Holes += place - order[i-1] - 1
		}
		at := s.places[place]
		records, ok := loaded[at.source]
		if !ok {
			if len(recent) >= 4 { // places rise from file to file, mostly
				delete(loaded, recent[0])
				recent = recent[1:]
			}
			records = s.load(at.source)
			loaded[at.source], recent = records, append(recent, at.source)
		}
		record, err := wholeRecord(place, records[place])
		if err != nil {
			s.seen.Bad++
			continue
		}
		s.seen.Records++
		if err := visit(record); err != nil {
			return err
		}
	}
	return nil
}

func (s *salvage) load(i int) map[uint64][]byte {
	records := map[uint64][]byte{}
	// What cannot be read was said by find.
	_ = s.sources[i].read(s.sources[i].path, func(key, value []byte, version uint64) {
		if len(key) != 9 || key[0] != prefixEvent {
			return
		}
		place := binary.BigEndian.Uint64(key[1:])
		if at := s.places[place]; at.source == i && at.version == version {
			records[place] = slices.Clone(value)
		}
	})
	return records
}

// wholeRecord decodes a record and checks what it says of itself.
func wholeRecord(place uint64, value []byte) (bridge.Record, error) {
	record, err := decodeRecord(place, value)
	if err != nil {
		return bridge.Record{}, err
	}
	return record, CheckData(&record.Event)
}

// readTable gives the entries of one of badger's tables: from its beginning to
// the first block that is wrong, and from its end back to the last.
func readTable(path string, found func(key, value []byte, version uint64)) (err error) {
	t, err := openTable(path)
	if err != nil {
		return err
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("badger: %.200v", r)
		}
	}()
	defer t.Close(-1)
	n := 0
	for _, direction := range []int{0, table.REVERSED} {
		it := t.NewIterator(direction | table.NOCACHE)
		for it.Rewind(); it.Valid(); it.Next() {
			key, value := it.Key(), it.Value()
			found(y.ParseKey(key), value.Value, y.ParseTs(key))
			n++
		}
		if err := it.Close(); err != nil {
			return err
		}
		if n >= int(t.KeyCount()) {
			return nil
		}
	}
	return errors.New("some of its blocks are wrong")
}

// readLog gives the entries of a memtable's log. After one that is wrong it
// looks for the next one that is right.
func readLog(path string, found func(key, value []byte, version uint64)) error {
	const headerBytes = 20 // of the file
	b, err := os.ReadFile(path)
	if err != nil || len(b) <= headerBytes {
		return err
	}
	wrong := false
	for at := headerBytes; at < len(b); {
		key, value, size := logEntry(b[at:])
		if size == 0 {
			if b[at] != 0 {
				wrong = true // zeros are what has not been written yet
			}
			at++
			continue
		}
		if len(key) > 8 {
			found(y.ParseKey(key), value, y.ParseTs(key))
		}
		at += size
	}
	if wrong {
		return errors.New("some of its entries are wrong, or the last was not finished")
	}
	return nil
}

// logEntry reads one entry: meta, user meta, lengths of key and value and the
// expiry as uvarints, key, value, CRC-32C. Its size is 0 when it is none.
func logEntry(b []byte) (key, value []byte, size int) {
	at := 2
	var numbers [3]uint64
	for i := range numbers {
		if at >= len(b) {
			return nil, nil, 0
		}
		v, n := binary.Uvarint(b[at:min(len(b), at+binary.MaxVarintLen64)])
		if n <= 0 {
			return nil, nil, 0
		}
		numbers[i] = v
		at += n
	}
	keySize, valueSize := numbers[0], numbers[1]
	if keySize == 0 || keySize > 64<<10 || valueSize > 1<<20 || uint64(len(b)-at) < keySize+valueSize+crc32.Size {
		return nil, nil, 0
	}
	end := at + int(keySize+valueSize)
	if crc32.Checksum(b[:end], y.CastagnoliCrcTable) != binary.BigEndian.Uint32(b[end:]) {
		return nil, nil, 0
	}
	return b[at : at+int(keySize)], b[at+int(keySize) : end], end + crc32.Size
}
