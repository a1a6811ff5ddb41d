package hq

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"unicode/utf8"
)

// rawJSON is JSON that is kept as it came, but for white space: no line break
// gets into the ledger.
type rawJSON = json.RawMessage

const (
	rawMaxBytes  = 4 << 10   // of a message that is no JSON
	lineMaxBytes = 256 << 10 // an event is at most 64 KiB
)

// keep stores what came: as JSON where it is.
func (l *line) keep(payload []byte) {
	if json.Valid(payload) {
		l.Event = payload
		return
	}
	cut := payload[:min(len(payload), rawMaxBytes)]
	if !utf8.Valid(cut) {
		cut = bytes.ToValidUTF8(cut, []byte("\uFFFD"))
	}
	l.Raw = string(cut)
}

// ledger is an append-only file of JSON lines. What append has returned from
// is on the disk. One goroutine appends; anybody may read.
type ledger struct {
	path string
	f    *os.File
}

// openLedger opens the file and hands over its lines. A line that was cut off
// by a crash was never answered: it is removed.
func openLedger(path string, each func(line) error) (*ledger, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	good, err := scanLines(f, func(raw []byte) error {
		var l line
		if err := json.Unmarshal(raw, &l); err != nil {
			return err
		}
		return each(l)
	})
	if err == nil {
		err = errors.Join(f.Truncate(good), syncDir(filepath.Dir(path)))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open ledger %s: %w", path, err), f.Close())
	}
	return &ledger{path: path, f: f}, nil
}

// scanLines calls each for every whole line and returns where they end.
func scanLines(r io.Reader, each func([]byte) error) (int64, error) {
	br := bufio.NewReaderSize(r, lineMaxBytes)
	var good int64
	for {
		raw, err := br.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return good, nil // what is left has no end: it was being written
		}
		if err != nil {
			return good, err
		}
		if err := each(raw); err != nil {
			return good, fmt.Errorf("at byte %d: %w", good, err)
		}
		good += int64(len(raw))
	}
}

func (l *ledger) append(lines []line) error {
	var buf bytes.Buffer
	for _, entry := range lines {
		raw, err := json.Marshal(entry)
		if err != nil {
			return fmt.Errorf("append to ledger: %w", err)
		}
		buf.Write(raw)
		buf.WriteByte('\n')
	}
	if _, err := l.f.Write(buf.Bytes()); err != nil {
		return fmt.Errorf("append to ledger: %w", err)
	}
	if err := l.f.Sync(); err != nil {
		return fmt.Errorf("sync ledger: %w", err)
	}
	return nil
}

func (l *ledger) close() error { return l.f.Close() }

// readLines returns the file's lines as a JSON array, from the given line on.
func readLines(path string, after int) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return []byte("[]"), nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out, n := []byte("["), 0
	_, err = scanLines(f, func(raw []byte) error {
		if n++; n <= after {
			return nil
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, bytes.TrimSuffix(raw, []byte("\n"))...)
		return nil
	})
	return append(out, ']'), err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
