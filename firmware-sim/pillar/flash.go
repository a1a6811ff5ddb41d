package pillar

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// flash is the pillar's memory: one file a press, and the highest number ever
// given out. The number is stored first, so that a press whose file was lost
// in a crash before it was sent never shares its number with the next one.
type flash struct{ dir string }

const seqFile = "seq"

func (f *flash) load() ([]Press, uint64, error) {
	if err := os.MkdirAll(f.dir, 0o750); err != nil {
		return nil, 0, err
	}
	seq, err := f.loadSeq()
	if err != nil {
		return nil, 0, err
	}
	files, err := filepath.Glob(filepath.Join(f.dir, "press-*.json"))
	if err != nil {
		return nil, 0, err
	}
	var presses []Press
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, 0, err
		}
		var press Press
		if err := json.Unmarshal(raw, &press); err != nil {
			return nil, 0, fmt.Errorf("read press %s: %w", file, err)
		}
		presses = append(presses, press)
		seq = max(seq, press.Seq)
	}
	slices.SortFunc(presses, func(a, b Press) int { return int(int64(a.Seq) - int64(b.Seq)) })
	return presses, seq, nil
}

func (f *flash) loadSeq() (uint64, error) {
	raw, err := os.ReadFile(filepath.Join(f.dir, seqFile))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	seq, err := strconv.ParseUint(strings.TrimSpace(string(raw)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", filepath.Join(f.dir, seqFile), err)
	}
	return seq, nil
}

func (f *flash) store(press Press) error {
	raw, err := json.Marshal(press)
	if err != nil {
		return err
	}
	if err := f.write(seqFile, []byte(strconv.FormatUint(press.Seq, 10))); err != nil {
		return fmt.Errorf("store number: %w", err)
	}
	if err := f.write(f.name(press), raw); err != nil {
		return fmt.Errorf("store press: %w", err)
	}
	return nil
}

func (f *flash) remove(press Press) error {
	if err := os.Remove(filepath.Join(f.dir, f.name(press))); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return f.sync()
}

func (f *flash) name(press Press) string { return "press-" + press.ID + ".json" }

// write replaces a file: temporary file, sync, rename, sync of the folder.
func (f *flash) write(name string, content []byte) error {
	tmp, err := os.CreateTemp(f.dir, ".tmp-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(content)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(f.dir, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return f.sync()
}

func (f *flash) sync() error {
	d, err := os.Open(f.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
