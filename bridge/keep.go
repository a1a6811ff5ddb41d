package bridge

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
)

// folder is where a line keeps what stands beside its cursor: which ranges are
// asked for (replays.go), and when events were sent and received (trail.go).
// The empty folder keeps nothing: all of it is in memory only.
type folder string

func (o *Options) folder(uplink string) folder {
	if o.Dir == "" {
		return ""
	}
	return folder(filepath.Join(o.Dir, url.PathEscape(uplink)))
}

func (f folder) make() error {
	if f == "" {
		return nil
	}
	_, err := os.Stat(string(f))
	if err == nil {
		return nil
	}
	parent := filepath.Dir(string(f))
	if err = os.MkdirAll(string(f), 0o700); err == nil { // and a power cut does not take it back
		err = errors.Join(syncFolder(parent), syncFolder(filepath.Dir(parent)))
	}
	if err != nil {
		return fmt.Errorf("make folder of uplink: %w", err)
	}
	return nil
}

func (f folder) path(name string) string { return filepath.Join(string(f), name) }

// read is the file's content; nothing where it is not there.
func (f folder) read(name string) ([]byte, error) {
	if f == "" {
		return nil, nil
	}
	b, err := os.ReadFile(f.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// replace writes the file whole (ReplaceFile).
func (f folder) replace(name string, content []byte, synced bool) error {
	if f == "" {
		return nil
	}
	return ReplaceFile(f.path(name), content, synced)
}

// ReplaceFile writes a small file whole: after a crash it is the old one or the
// new; with synced it is the new one once this returns, after a power cut too,
// which leaves anything of one that is not synced. One goroutine at a time may
// replace a file.
func ReplaceFile(path string, content []byte, synced bool) error {
	draft := path + ".new"
	file, err := os.OpenFile(draft, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	_, err = file.Write(content)
	if err == nil && synced {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(draft, path)
	}
	if err == nil && synced {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	return nil
}

func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
