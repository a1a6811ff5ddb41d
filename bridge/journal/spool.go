package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"

	"github.com/watchpost-edge/watchpost/bridge"
)

// A spool is a file of a lane's events, rising: for each its sequence and the
// length of its wire form (8 and 4 bytes, big-endian), and that.
const (
	spoolHead  = 12
	spoolEvery = 256 // events from one mark in memory to the next
)

// spoolWriter writes a spool.
type spoolWriter struct {
	file *os.File
	w    *bufio.Writer
	last uint64 // what comes after is taken
}

func createSpool(path string) (*spoolWriter, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return nil, err
	}
	return &spoolWriter{file: file, w: bufio.NewWriterSize(file, 1<<20)}, nil
}

// add passes over what does not rise: it is what a damaged index made of it.
func (s *spoolWriter) add(e *bridge.Event) (bool, error) {
	sequence, err := bridge.SequenceNumber(e.Sequence)
	if err != nil || sequence <= s.last {
		return false, nil
	}
	wire, err := e.Encode()
	if err != nil {
		return false, err
	}
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(nil, sequence), uint32(len(wire)))
	if _, err := s.w.Write(head); err != nil {
		return false, err
	}
	_, err = s.w.Write(wire)
	s.last = sequence
	return true, err
}

func (s *spoolWriter) close() error {
	return errors.Join(s.w.Flush(), s.file.Sync(), s.file.Close())
}

// spool reads one. Many may at once.
type spool struct {
	file  *os.File
	last  uint64
	marks []spoolMark // of every spoolEvery-th event
}

type spoolMark struct {
	sequence uint64
	at       int64
}

func openSpool(path string) (*spool, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &spool{file: file}
	n := 0
	err = s.walk(0, func(sequence uint64, at int64, skip func() error, _ func() ([]byte, error)) (bool, error) {
		if n%spoolEvery == 0 {
			s.marks = append(s.marks, spoolMark{sequence, at})
		}
		n++
		s.last = sequence
		return true, skip()
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", path, err), file.Close())
	}
	return s, nil
}

// walk visits events from a position on, until visit returns false.
func (s *spool) walk(at int64, visit func(sequence uint64, at int64, skip func() error, wire func() ([]byte, error)) (bool, error)) error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	r := bufio.NewReaderSize(io.NewSectionReader(s.file, at, info.Size()-at), 64<<10)
	for {
		var head [spoolHead]byte
		if _, err := io.ReadFull(r, head[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		size := binary.BigEndian.Uint32(head[8:])
		if size > bridge.EventMaxBytes {
			return fmt.Errorf("event of %d bytes at %d", size, at)
		}
		skip := func() error { _, err := r.Discard(int(size)); return err }
		wire := func() ([]byte, error) { b := make([]byte, size); _, err := io.ReadFull(r, b); return b, err }
		more, err := visit(binary.BigEndian.Uint64(head[:]), at, skip, wire)
		if err != nil || !more {
			return err
		}
		at += spoolHead + int64(size)
	}
}

// read gives up to limit events after the sequence.
func (s *spool) read(after uint64, limit int) ([]bridge.Event, error) {
	mark := sort.Search(len(s.marks), func(i int) bool { return s.marks[i].sequence > after }) - 1
	var events []bridge.Event
	err := s.walk(s.marks[max(mark, 0)].at, func(sequence uint64, _ int64, skip func() error, wire func() ([]byte, error)) (bool, error) {
		if sequence <= after {
			return true, skip()
		}
		b, err := wire()
		if err != nil {
			return false, err
		}
		e, err := bridge.DecodeEvent(b)
		events = append(events, e)
		return len(events) < limit, err
	})
	return events, err
}
