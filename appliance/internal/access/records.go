package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"
)

// records is a list in a JSON file. The box and the command line may use it at
// the same time: each change is made under a lock file on what is on disk, and
// a reader sees it at its next question.
type records[T any] struct {
	path string

	mu   sync.Mutex
	seen os.FileInfo
	list []T
}

// read shows the list as it is on disk now. It must not be kept or changed.
func (r *records[T]) read(show func(list []T)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.refresh(); err != nil {
		return err
	}
	show(r.list)
	return nil
}

// change writes what edit makes of the list on disk; an error of edit leaves it.
func (r *records[T]) change(edit func(list []T) ([]T, error)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	lock, err := os.OpenFile(r.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lock %s: %w", r.path, err)
	}
	defer lock.Close() // gives the lock back
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	r.seen = nil // whatever comes of this, the file is read again at the next question
	if err := r.refresh(); err != nil {
		return err
	}
	r.seen = nil
	changed, err := edit(r.list)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(changed, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", r.path, err)
	}
	return replaceFile(r.path, append(data, '\n'))
}

// refresh reads the file if it is another one than was read last; a missing
// file is an empty list.
func (r *records[T]) refresh() error {
	info, err := os.Stat(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		r.list, r.seen = nil, nil
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", r.path, err)
	}
	if r.seen != nil && os.SameFile(r.seen, info) && r.seen.ModTime().Equal(info.ModTime()) && r.seen.Size() == info.Size() {
		return nil
	}
	data, err := os.ReadFile(r.path)
	if err != nil {
		return fmt.Errorf("read %s: %w", r.path, err)
	}
	var list []T
	if err := json.Unmarshal(data, &list); err != nil {
		return fmt.Errorf("read %s: %w", r.path, err)
	}
	r.list, r.seen = list, info
	return nil
}
