package forgetful

import (
	"context"
	"maps"
	"path/filepath"
	"strings"
	"syscall"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// node is a name on the disk.
type node struct {
	gofuse.LoopbackNode
	disk *Disk
}

func (n *node) path(name string) string { return filepath.Join(n.Path(n.Root()), name) }

func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (inode *gofuse.Inode, fh gofuse.FileHandle, fuseFlags uint32, errno syscall.Errno) {
	d, path := n.disk, n.path(name)
	errno = d.change(func() (errno syscall.Errno) {
		if inode, fh, fuseFlags, errno = n.LoopbackNode.Create(ctx, name, flags, mode, out); errno != 0 {
			return errno
		}
		f, err := d.newFile(path)
		if err != nil {
			return gofuse.ToErrno(err)
		}
		d.live[path], fh = f, &handle{fh.(opened), f}
		d.pending = append(d.pending, func() { d.kept[path] = f })
		return 0
	})
	return inode, fh, fuseFlags, errno
}

func (n *node) Open(ctx context.Context, flags uint32) (gofuse.FileHandle, uint32, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	fh, fuseFlags, errno := n.LoopbackNode.Open(ctx, flags)
	if errno != 0 {
		return nil, 0, errno
	}
	return &handle{fh.(opened), n.disk.live[n.path("")]}, fuseFlags, 0
}

func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (inode *gofuse.Inode, errno syscall.Errno) {
	d, path := n.disk, n.path(name)
	errno = d.change(func() (errno syscall.Errno) {
		inode, errno = n.LoopbackNode.Mkdir(ctx, name, mode, out)
		d.pending = append(d.pending, func() { d.kept[path] = nil })
		return errno
	})
	return inode, errno
}

func (n *node) Unlink(ctx context.Context, name string) syscall.Errno {
	d, path := n.disk, n.path(name)
	return d.change(func() syscall.Errno {
		delete(d.live, path)
		d.pending = append(d.pending, func() { delete(d.kept, path) })
		return n.LoopbackNode.Unlink(ctx, name)
	})
}

func (n *node) Rmdir(ctx context.Context, name string) syscall.Errno {
	d, path := n.disk, n.path(name)
	return d.change(func() syscall.Errno {
		d.pending = append(d.pending, func() { delete(d.kept, path) })
		return n.LoopbackNode.Rmdir(ctx, name)
	})
}

func (n *node) Rename(ctx context.Context, name string, newParent gofuse.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	to, ok := newParent.(*node)
	if !ok || flags != 0 {
		return syscall.EXDEV
	}
	d, from, into := n.disk, n.path(name), to.path(newName)
	return d.change(func() syscall.Errno {
		// The loopback asks for its own kind of node.
		if err := syscall.Rename(filepath.Join(d.livePath(), from), filepath.Join(d.livePath(), into)); err != nil {
			return gofuse.ToErrno(err)
		}
		move(d.live, from, into)
		d.pending = append(d.pending, func() { move(d.kept, from, into) })
		return 0
	})
}

// move renames a path and all below it.
func move(paths map[string]*file, from, into string) {
	moved := map[string]*file{}
	for path, f := range paths {
		if rest, ok := strings.CutPrefix(path, from); ok && (rest == "" || rest[0] == '/') {
			delete(paths, path)
			moved[into+rest] = f
		}
	}
	maps.Copy(paths, moved)
}

func (n *node) Setattr(ctx context.Context, fh gofuse.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if h, ok := fh.(*handle); ok {
		return h.Setattr(ctx, in, out)
	}
	d, path := n.disk, n.path("")
	return d.change(func() syscall.Errno {
		errno := n.LoopbackNode.Setattr(ctx, nil, in, out)
		if _, ok := in.GetSize(); ok && errno == 0 && d.live[path] != nil {
			d.live[path].sized()
		}
		return errno
	})
}

// Fsync is of a file, or of a folder.
func (n *node) Fsync(ctx context.Context, fh gofuse.FileHandle, flags uint32) syscall.Errno {
	if h, ok := fh.(*handle); ok {
		return h.Fsync(ctx, flags)
	}
	return n.disk.change(func() syscall.Errno {
		if n.disk.alive() {
			n.disk.keep()
		}
		return 0
	})
}

func (*node) Mknod(context.Context, string, uint32, uint32, *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	return nil, syscall.EPERM
}

func (*node) Symlink(context.Context, string, string, *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	return nil, syscall.EPERM
}

func (*node) Link(context.Context, gofuse.InodeEmbedder, string, *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	return nil, syscall.EPERM
}
