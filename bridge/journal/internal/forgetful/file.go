package forgetful

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

const pageBytes = 4096

// file is a file's contents: as they are seen, and as they are kept.
type file struct {
	disk  *Disk
	live  *os.File
	kept  *os.File
	dirty map[int64]bool // pages that were written since the last sync
}

// newFile is called with disk.mu held.
func (d *Disk) newFile(path string) (*file, error) {
	live, err := os.OpenFile(filepath.Join(d.livePath(), path), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	d.made++
	kept, err := os.OpenFile(filepath.Join(d.keptPath(), fmt.Sprint(d.made)), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, errors.Join(err, live.Close())
	}
	return &file{disk: d, live: live, kept: kept, dirty: map[int64]bool{}}, nil
}

func (f *file) wrote(off int64, n int) {
	for page := off / pageBytes; page*pageBytes < off+int64(n); page++ {
		f.dirty[page] = true
	}
}

// sized notes the size that the file has now.
func (f *file) sized() {
	info, err := f.live.Stat()
	if err != nil {
		return
	}
	size := info.Size()
	f.disk.pending = append(f.disk.pending, func() { _ = f.kept.Truncate(size) })
}

// sync keeps all that was written.
func (f *file) sync() error {
	for page := range f.dirty {
		if err := f.copy(page); err != nil {
			return err
		}
	}
	clear(f.dirty)
	info, err := f.live.Stat()
	if err != nil {
		return err
	}
	return f.kept.Truncate(info.Size())
}

func (f *file) copy(page int64) error {
	var b [pageBytes]byte
	n, err := f.live.ReadAt(b[:], page*pageBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	_, err = f.kept.WriteAt(b[:n], page*pageBytes)
	return err
}

// survive lets some of what was not synced be there. Behind the kept end no
// page is there without the one before it: the size goes with the pages.
func (f *file) survive(random *rand.Rand, likely float64) error {
	info, err := f.kept.Stat()
	if err != nil {
		return err
	}
	pages := make([]int64, 0, len(f.dirty))
	for page := range f.dirty {
		pages = append(pages, page)
	}
	slices.Sort(pages)
	for _, page := range pages {
		if random.Float64() < likely {
			if err := f.copy(page); err != nil {
				return err
			}
		} else if (page+1)*pageBytes > info.Size() {
			break
		}
	}
	return f.kept.Close()
}

// opened is what go-fuse makes of an open file, without its way past us.
type opened interface {
	gofuse.FileReader
	gofuse.FileWriter
	gofuse.FileReleaser
	gofuse.FileFlusher
	gofuse.FileGetattrer
	gofuse.FileSetattrer
	gofuse.FileAllocater
}

// handle is an open file.
type handle struct {
	opened
	file *file
}

func (h *handle) Write(ctx context.Context, data []byte, off int64) (n uint32, errno syscall.Errno) {
	errno = h.file.disk.change(func() (errno syscall.Errno) {
		n, errno = h.opened.Write(ctx, data, off)
		h.file.wrote(off, int(n))
		return errno
	})
	return n, errno
}

func (h *handle) Setattr(ctx context.Context, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	return h.file.disk.change(func() syscall.Errno {
		errno := h.opened.Setattr(ctx, in, out)
		if _, ok := in.GetSize(); ok && errno == 0 {
			h.file.sized()
		}
		return errno
	})
}

func (h *handle) Allocate(ctx context.Context, off, size uint64, mode uint32) syscall.Errno {
	return h.file.disk.change(func() syscall.Errno {
		errno := h.opened.Allocate(ctx, off, size, mode)
		if errno == 0 {
			h.file.sized()
		}
		return errno
	})
}

func (h *handle) Fsync(context.Context, uint32) syscall.Errno {
	d := h.file.disk
	time.Sleep(d.options.SyncFor)
	return d.change(func() syscall.Errno {
		if !d.alive() {
			return syscall.EIO
		}
		d.keep()
		return gofuse.ToErrno(h.file.sync())
	})
}
