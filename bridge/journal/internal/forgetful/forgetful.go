// Package forgetful is a disk for tests that loses power: a FUSE file system
// that knows what was synced, and after a cut has nothing else for certain.
//
// What it takes for synced is what ext4 and XFS promise together: a file's
// contents after fsync, fdatasync or msync of it; changes of names and sizes in
// the order in which they were made, after the next sync of anything. Of the
// rest a cut keeps what the dice say: some of the changes of names, in order, and
// some pages, each whole or not at all.
//
// It refuses links and devices. After the cut every request fails with EIO.
package forgetful

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// Device is what the kernel needs for it.
const Device = "/dev/fuse"

// Options says where a disk is and when it loses power. Dir is required.
type Options struct {
	Dir      string        // empty; for what the disk holds
	At       string        // an empty folder: the mount point
	CutAfter int           // requests that change something; 0: never
	SyncFor  time.Duration // that each sync takes longer
}

// Disk is a mounted disk.
type Disk struct {
	options Options
	server  *fuse.Server
	gone    chan struct{}

	mu      sync.Mutex
	changes int
	syncs   int
	made    int // files so far: names of what is kept
	live    map[string]*file
	kept    map[string]*file // by path; nil is a folder
	pending []func()         // changes of names and sizes, not yet kept
}

// Mount mounts an empty disk. The caller must Close it; no process of the
// caller's may map files of it: a page that waits for this process would stop
// this process.
func Mount(o Options) (*Disk, error) {
	d := &Disk{options: o, gone: make(chan struct{}), live: map[string]*file{}, kept: map[string]*file{}}
	for _, dir := range []string{d.livePath(), d.keptPath()} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, fmt.Errorf("mount forgetful disk: %w", err)
		}
	}
	root := &gofuse.LoopbackRoot{Path: d.livePath()}
	root.NewNode = func(r *gofuse.LoopbackRoot, _ *gofuse.Inode, _ string, _ *syscall.Stat_t) gofuse.InodeEmbedder {
		return &node{LoopbackNode: gofuse.LoopbackNode{RootData: r}, disk: d}
	}
	root.RootNode = &node{LoopbackNode: gofuse.LoopbackNode{RootData: root}, disk: d}
	server, err := gofuse.Mount(o.At, root.RootNode, &gofuse.Options{MountOptions: fuse.MountOptions{
		FsName: "forgetful", DirectMount: true, DisableXAttrs: true, MaxWrite: 1 << 20,
	}})
	if err != nil {
		return nil, fmt.Errorf("mount forgetful disk at %s: %w", o.At, err)
	}
	d.server = server
	return d, nil
}

func (d *Disk) livePath() string { return filepath.Join(d.options.Dir, "live") }
func (d *Disk) keptPath() string { return filepath.Join(d.options.Dir, "kept") }

// Gone is closed when the power is.
func (d *Disk) Gone() <-chan struct{} { return d.gone }

// Syncs is how many there were.
func (d *Disk) Syncs() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.syncs
}

// Cut takes the power away now.
func (d *Disk) Cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut()
}

func (d *Disk) cut() {
	select {
	case <-d.gone:
	default:
		close(d.gone)
	}
}

// alive reports whether there is power. d.mu is held.
func (d *Disk) alive() bool {
	select {
	case <-d.gone:
		return false
	default:
		return true
	}
}

// change runs one request that changes something; what it does is seen at once
// and kept at the next sync.
func (d *Disk) change(do func() syscall.Errno) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.alive() {
		return syscall.EIO
	}
	d.changes++
	if d.changes == d.options.CutAfter {
		d.cut() // in the middle of it: it may be kept or not
	}
	if errno := do(); errno != 0 {
		return errno
	}
	if !d.alive() {
		return syscall.EIO
	}
	return 0
}

// keep makes all changes of names and sizes last. d.mu is held.
func (d *Disk) keep() {
	for _, do := range d.pending {
		do()
	}
	d.pending = nil
	d.syncs++
}

// Close unmounts. Nobody may have a file of it open.
func (d *Disk) Close() error {
	d.Cut()
	if err := d.server.Unmount(); err != nil {
		return fmt.Errorf("unmount forgetful disk %s: %w", d.options.At, err)
	}
	return nil
}

// Image writes what a start after the cut finds below dir, which must not
// exist. likely is the chance of each page and each change of a name that was
// not synced to be there nevertheless. The disk is of no use afterwards.
func (d *Disk) Image(dir string, random *rand.Rand, likely float64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, do := range d.pending {
		if random.Float64() >= likely {
			break
		}
		do()
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	for path, f := range d.kept {
		at := filepath.Join(dir, path)
		if f == nil {
			if err := os.MkdirAll(at, 0o700); err != nil {
				return fmt.Errorf("write image: %w", err)
			}
			continue
		}
		if err := f.survive(random, likely); err != nil {
			return fmt.Errorf("write image: %s: %w", path, err)
		}
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			return fmt.Errorf("write image: %w", err)
		}
		if err := os.Rename(f.kept.Name(), at); err != nil {
			return fmt.Errorf("write image: %w", err)
		}
	}
	return nil
}

// Available reports why there can be no such disk here; nil: there can.
func Available() error {
	file, err := os.OpenFile(Device, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return file.Close()
}
