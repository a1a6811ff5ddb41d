package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// ledger is a file with one line an event: how it was taken, a space, its
// bytes as they came. It is read back, and its chains checked, at every start.
type ledger struct {
	file   *os.File
	out    *bufio.Writer
	chains map[chainKey]*chain
}

type chainKey struct{ epoch, lane string }

// chain is how far one lane has come.
type chain struct {
	last   uint64
	hash   string
	count  int
	hashes map[uint64]string
	empty  map[uint64]bool // came without data
}

const wireMax = 1 << 20 // bytes of a line

func openLedger(path string) (*ledger, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	l := &ledger{file: file, out: bufio.NewWriter(file), chains: map[chainKey]*chain{}}
	whole, err := l.load()
	if err == nil {
		// What a crash cut off was not receipted, and comes again.
		err = file.Truncate(whole)
	}
	if err == nil {
		_, err = file.Seek(whole, 0)
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return l, nil
}

// load takes every whole line and returns where they end.
func (l *ledger) load() (whole int64, err error) {
	lines := bufio.NewReaderSize(l.file, wireMax)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return whole, nil // the end, or a line cut off
		}
		way, wire, _ := bytes.Cut(bytes.TrimSuffix(line, []byte{'\n'}), []byte{' '})
		e, err := decode(bytes.Clone(wire))
		if err != nil {
			return 0, fmt.Errorf("line %d: %w", n, err)
		}
		switch {
		case string(way) == "take":
			key := chainKey{e.Epoch, e.Lane}
			if c := l.chain(key); e.number != c.last+1 || e.PrevHash != c.hash || !e.dataFits() {
				return 0, fmt.Errorf("line %d: %s %d does not follow %d, or is not what was hashed", n, e.Lane, e.number, c.last)
			}
			l.chain(key).take(e)
		case string(way) == "complete":
			if !l.chain(chainKey{e.Epoch, e.Lane}).complete(e) {
				return 0, fmt.Errorf("line %d: %s %d is not what came before, with its data", n, e.Lane, e.number)
			}
		case bytes.HasPrefix(way, []byte("retired/")):
			lane := string(bytes.TrimPrefix(way, []byte("retired/")))
			if g, ok := e.retired(lane); ok {
				l.chain(chainKey{e.Epoch, lane}).jump(g)
			}
		}
		whole += int64(len(line))
	}
}

func (l *ledger) chain(key chainKey) *chain {
	c, ok := l.chains[key]
	if !ok {
		c = &chain{hash: zeroHash, hashes: map[uint64]string{}, empty: map[uint64]bool{}}
		l.chains[key] = c
	}
	return c
}

func (c *chain) take(e *event) {
	c.last, c.hash = e.number, e.hash
	c.count++
	c.hashes[e.number] = e.hash
	if len(e.Data) == 0 {
		c.empty[e.number] = true
	}
}

// complete takes the data of an event that came without.
func (c *chain) complete(e *event) bool {
	if !c.empty[e.number] || len(e.Data) == 0 || c.hashes[e.number] != e.hash || !e.dataFits() {
		return false
	}
	delete(c.empty, e.number)
	return true
}

// jump goes over a range that the box no longer has.
func (c *chain) jump(g gone) bool {
	from, err := strconv.ParseUint(g.From.String(), 10, 64)
	to, wrong := strconv.ParseUint(g.To.String(), 10, 64)
	if err != nil || wrong != nil || from > c.last+1 || to <= c.last {
		return false
	}
	c.last, c.hash = to, g.Hash
	return true
}

func (l *ledger) keep(way string, e *event) {
	// A write that fails shows at the sync, before any receipt.
	_, _ = fmt.Fprintf(l.out, "%s %s\n", way, e.wire)
}

func (l *ledger) take(key chainKey, e *event) {
	l.keep("take", e)
	l.chain(key).take(e)
}

func (l *ledger) retire(key chainKey, g gone, e *event) bool {
	if !l.chain(key).jump(g) {
		return false
	}
	l.keep("retired/"+key.lane, e)
	return true
}

func (l *ledger) sync() error {
	if err := l.out.Flush(); err != nil {
		return err
	}
	return l.file.Sync()
}

func (l *ledger) close() { _ = l.file.Close() }
