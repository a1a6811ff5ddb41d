package media

import (
	"os"

	"golang.org/x/sys/unix"
)

// datasync makes a file's contents and length survive a power cut.
func datasync(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

// freeBytes is what an ordinary process may still write below dir.
func freeBytes(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}
