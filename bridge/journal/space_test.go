package journal

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

const (
	fullDirEnv = "JOURNAL_FULL_DIR"

	// errLate says that the disk was full before the journal could look: on a
	// loaded machine whoever fills it stands still for so long that the journal
	// gives its ballast back, and takes that too.
	errLate  = "the disk was full before an alarm was taken below the reserve"
	lateRuns = 6
)

// A real file system of 300 MB, filled by another process while the journal
// appends: never a SIGBUS, alarms longer than the rest, every acknowledged
// event there after a start on the full disk and after room was made.
func TestDiskFilledByAnotherProcess(t *testing.T) {
	t.Parallel()
	stdout, stderr, err := fullParent(t)
	for n := 1; err != nil && n < lateRuns && strings.Contains(stderr, errLate); n++ {
		stdout, stderr, err = fullParent(t)
	}
	t.Log(stdout)
	require.NoError(t, err, stderr)
	require.Contains(t, stdout, "all there")
}

// fullParent runs the child on a disk of its own.
func fullParent(t *testing.T) (said, complained string, err error) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), fullDirEnv+"="+dir)
	// Mounts of its own, which end with it; without root in a user namespace.
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		child.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		child.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		child.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	var stdout, stderr bytes.Buffer
	child.Stdout, child.Stderr = &stdout, &stderr
	err = child.Run()
	return stdout.String(), stderr.String(), err
}

// mountSmall mounts 300 MB: ext4 on a loop device, else tmpfs.
func mountSmall(dir string) (string, error) {
	if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		return "", err
	}
	at := filepath.Join(dir, "disk")
	if err := os.Mkdir(at, 0o700); err != nil {
		return "", err
	}
	image := filepath.Join(dir, "image")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		return "", err
	}
	if err := os.Truncate(image, 300<<20); err != nil {
		return "", err
	}
	if exec.Command("mkfs.ext4", "-q", image).Run() == nil && exec.Command("mount", "-o", "loop", image, at).Run() == nil {
		fmt.Println("file system: ext4")
		return at, nil
	}
	fmt.Println("file system: tmpfs")
	return at, syscall.Mount("none", at, "tmpfs", 0, "size=300m")
}

func fullChild(dir string) {
	at, err := mountSmall(dir)
	if err == nil {
		err = fillAndAppend(at)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}

func fillAndAppend(at string) error {
	options := Options{Dir: filepath.Join(at, "journal"), Source: testSource, Reserve: 64 << 20}
	j, err := Open(options)
	if err != nil {
		return err
	}
	f := &filling{j: j}
	if err := f.until(nil); err != nil { // a first stretch while there is room
		return err
	}
	fill := filepath.Join(at, "fill")
	filler := exec.Command("dd", "if=/dev/zero", "of="+fill, "bs=1M")
	if err := filler.Start(); err != nil {
		return err
	}
	err = f.until(ErrReserve)
	_ = filler.Wait() // "No space left on device"
	alarms := f.alarms
	if err == nil {
		err = f.until(nil)
	}
	if errors.Is(err, ErrFull) {
		return fmt.Errorf("%s: %w", errLate, err)
	}
	if err != nil {
		return err
	}
	if err := os.WriteFile(fill+"-more", make([]byte, 10<<20), 0o600); err != nil { // the room of many alarms
		return err
	}
	if err := f.until(ErrFull); err != nil {
		return err
	}
	fmt.Printf("refused below the reserve: %d, alarms taken there: %d, then full at %+v\n", f.refused, f.alarms-alarms, j.Space())
	if f.alarms == alarms {
		return errors.New("no alarm was taken below the reserve")
	}
	if err := j.Close(); err != nil {
		return err
	}
	if j, err = Open(options); err != nil && !errors.Is(err, ErrFull) {
		return err
	}
	fmt.Println("start on the full disk:", err)
	if err == nil {
		if err := errors.Join(f.check(j), j.Close()); err != nil {
			return err
		}
	}
	if err := errors.Join(os.Remove(fill), os.Remove(fill+"-more")); err != nil {
		return err
	}
	if j, err = Open(options); err != nil {
		return err
	}
	f.j = j
	if err := f.until(nil); err != nil {
		return err
	}
	if now := j.Space(); now.Level != LevelAll || now.Ballast != now.Reserve {
		return fmt.Errorf("the reserve was not taken again: %+v", now)
	}
	if err := f.check(j); err != nil {
		return err
	}
	fmt.Println("all there:", len(f.acknowledged))
	return j.Close()
}

// filling appends alarms and notices in turn, 8 in a step.
type filling struct {
	j               *Journal
	acknowledged    []string
	alarms, refused int
	n               int
}

// until appends until a refusal; with nil, a number of steps, none refused.
func (f *filling) until(want error) error {
	deadline := time.Now().Add(3 * time.Minute)
	for i := 0; want != nil || i < 6; i++ {
		if time.Now().After(deadline) {
			return fmt.Errorf("no %v: %+v", want, f.j.Space())
		}
		lane := bridge.Lanes()[i%2]
		step := make([]bridge.Draft, 8)
		for i := range step {
			var noise [28 << 10]byte
			_, _ = rand.Read(noise[:])
			f.n++
			step[i] = draft(fmt.Sprint(f.n), lane)
			step[i].Key, step[i].Data = "key/"+step[i].ID, fmt.Appendf(nil, `{"note":%q}`, hex.EncodeToString(noise[:]))
		}
		_, ticket, err := f.j.Append(step)
		switch {
		case errors.Is(err, ErrReserve) && lane == bridge.Notice:
			f.refused += len(step)
		case err != nil && !errors.Is(err, want):
			return err
		}
		if want != nil && errors.Is(err, want) {
			return nil
		}
		if err != nil {
			continue
		}
		if err := ticket.Wait(context.Background()); err != nil {
			return err
		}
		for i := range step {
			f.acknowledged = append(f.acknowledged, step[i].Key)
		}
		if lane == bridge.Alarm {
			f.alarms += len(step)
		}
	}
	return nil
}

func (f *filling) check(j *Journal) error {
	if _, err := j.Verify(context.Background(), 0); err != nil {
		return err
	}
	for _, key := range f.acknowledged {
		if _, ok, err := j.Find(key); err != nil || !ok {
			return fmt.Errorf("%s was acknowledged and is gone: %w", key, err)
		}
	}
	return nil
}

// The levels, on a disk that the test makes short.
func TestReserve(t *testing.T) {
	var free atomic.Int64
	free.Store(10 << 30)
	dir := t.TempDir()
	options := Options{Dir: dir, Source: testSource, Reserve: 256 << 20, Free: func(string) (int64, int64, error) { return free.Load(), 100 << 30, nil }}
	j, err := Open(options)
	require.NoError(t, err)
	ballast, err := os.Stat(filepath.Join(dir, ballastName))
	require.NoError(t, err)
	require.EqualValues(t, 256<<20, ballast.Size())
	appendWait(t, j, draft("1", bridge.Notice))
	level := func(want Level) {
		t.Helper()
		require.Eventually(t, func() bool { return j.Space().Level == want }, time.Minute, time.Millisecond)
	}

	free.Store(129 << 20) // above the margin of 128 MiB: nothing is given back
	level(LevelAll)
	require.EqualValues(t, 256<<20, j.Space().Ballast)
	free.Store(0) // it is all given back, and nothing of it arrives
	level(LevelNone)
	_, _, err = j.Append([]bridge.Draft{draft("2", bridge.Alarm)})
	require.ErrorIs(t, err, ErrFull)
	require.ErrorContains(t, err, dir)
	free.Store(200 << 20)
	level(LevelAlarms)
	for _, lane := range []bridge.Lane{bridge.Notice, bridge.Clip, bridge.Local} {
		_, _, err = j.Append([]bridge.Draft{draft("2", lane)})
		require.ErrorIs(t, err, ErrReserve)
	}
	appendWait(t, j, draft("2", bridge.Alarm), draft("3", bridge.Notice))
	free.Store(10 << 30)
	level(LevelAll)
	require.EqualValues(t, 256<<20, j.Space().Ballast, "taken again")
	appendWait(t, j, draft("4", bridge.Local))
	require.NoError(t, j.Close())
	empty, err := filepath.Glob(filepath.Join(j.Path(), "*"+tableExt))
	require.NoError(t, err)
	require.Empty(t, empty, "what was prepared is removed")

	free.Store(0)
	require.NoError(t, os.Truncate(filepath.Join(dir, ballastName), 0))
	_, err = Open(options)
	require.ErrorIs(t, err, ErrFull)
	require.ErrorContains(t, err, dir)
}

// A small disk gets a smaller ballast, and says so.
func TestReserveOfSmallDisk(t *testing.T) {
	j, err := Open(Options{Dir: t.TempDir(), Source: testSource, Reserve: 1 << 30, Free: func(string) (int64, int64, error) { return 500 << 20, 600 << 20, nil }})
	require.NoError(t, err)
	defer func() { require.NoError(t, j.Close()) }()
	now := j.Space()
	require.EqualValues(t, 150<<20, now.Ballast)
	require.Equal(t, now.Reserve, now.Ballast)
	require.EqualValues(t, 1<<30, now.Wanted)
}

// TestTablesThatGoWhileTheyAreCounted: badger deletes a table that it has
// flushed right after its start, while we look for the newest one.
func TestTablesThatGoWhileTheyAreCounted(t *testing.T) {
	store := t.TempDir()
	newest := filepath.Join(store, "00900"+tableExt)
	require.NoError(t, os.WriteFile(newest, []byte("x"), 0o600))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			path := filepath.Join(store, fmt.Sprintf("%05d%s", 1+n%800, tableExt))
			if os.WriteFile(path, []byte("x"), 0o600) != nil || os.Remove(path) != nil {
				return
			}
		}
	}()
	for range 3000 {
		highest, err := highestTable(store)
		require.NoError(t, err)
		require.Equal(t, 900, highest)
	}
	close(stop)
	<-stopped
}

// blocks is what a file takes on the disk, in bytes.
func blocks(info os.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}
