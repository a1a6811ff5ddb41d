package station

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/bridge/journal"
	"github.com/watchpost-edge/watchpost/ingest"
)

const diskDirEnv = "STATION_DISK_DIR"

// TestMain runs the child of the disk test when the test binary executed
// itself.
func TestMain(m *testing.M) {
	if dir := os.Getenv(diskDirEnv); dir != "" {
		if err := diskChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		return
	}
	os.Exit(m.Run())
}

// A real file system of 300 MB: recordings fill it, and stop far above the
// journal's reserve, with a word for health; presses go on as if nothing were.
// It turns read-only below the recordings: they stop, presses go on; it is
// well again: they go on too.
func TestFullDiskAndReadOnlyDiskStopRecordingsOnly(t *testing.T) {
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), diskDirEnv+"="+t.TempDir())
	// Mounts of its own, which end with it; without root in a user namespace.
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		child.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		child.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		child.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	var stdout, stderr bytes.Buffer
	child.Stdout, child.Stderr = &stdout, &stderr
	err := child.Run()
	t.Log(stdout.String())
	require.NoError(t, err, stderr.String())
	require.Contains(t, stdout.String(), "all well")
}

// mountDisk mounts 300 MB: ext4 on a loop device, else tmpfs.
func mountDisk(dir, name string) (string, error) {
	at, image := filepath.Join(dir, name), filepath.Join(dir, name+".image")
	if err := errors.Join(os.Mkdir(at, 0o700), os.WriteFile(image, nil, 0o600), os.Truncate(image, 300<<20)); err != nil {
		return "", err
	}
	if exec.Command("mkfs.ext4", "-q", image).Run() == nil && exec.Command("mount", "-o", "loop", image, at).Run() == nil {
		fmt.Println("file system: ext4")
		return at, nil
	}
	fmt.Println("file system: tmpfs")
	return at, syscall.Mount("none", at, "tmpfs", 0, "size=300m")
}

func diskChild(dir string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		return err
	}
	at, err := mountDisk(dir, "full")
	if err != nil {
		return err
	}
	j, err := journal.Open(journal.Options{Dir: filepath.Join(at, "journal"), Source: "/stations/test/boxes/a", Reserve: 64 << 20})
	if err != nil {
		return err
	}
	d, err := desk.New(desk.Setup{Cameras: []desk.Camera{{ID: "gate"}}, Pillars: []desk.Pillar{{ID: "P-1", Cameras: []string{"gate"}}}},
		j, desk.SystemClock(), slog.New(slog.DiscardHandler), rand.Reader)
	if err != nil {
		return err
	}
	if err := d.Open(context.Background()); err != nil {
		return err
	}
	p := &presser{desk: d}
	if err := fillDisk(at, p); err != nil {
		return fmt.Errorf("full disk: %w", err)
	}
	if at, err = mountDisk(dir, "other"); err != nil {
		return err
	}
	if err := turnReadOnly(at, p); err != nil {
		return fmt.Errorf("read-only disk: %w", err)
	}
	fmt.Println("presses taken:", p.n, "all well")
	return j.Close()
}

// fillDisk records until it is stopped: nothing may go, all is held.
func fillDisk(at string, p *presser) error {
	const minFree = 48 << 20
	var held atomic.Bool
	held.Store(true)
	store := media.New(media.Options{Dir: at, MinFree: minFree, Held: func() func(media.Item) bool {
		return func(media.Item) bool { return held.Load() }
	}})
	if err := store.Open(); err != nil {
		return err
	}
	tape := &tape{rec: store.Recorder(media.Recordings, "gate"), boot: store.Boot()}
	var err error
	for i := 0; err == nil && i < 400; i++ {
		err = tape.megabyte()
		store.Sweep(time.Now())
	}
	if why := diskTrouble(err); !strings.Contains(why, "the disk is full") {
		return fmt.Errorf("recording should have stopped: %w", err)
	}
	fmt.Println("recording stopped:", err)
	if free := store.Stats().Free; free < minFree-2<<20 {
		return fmt.Errorf("%d bytes are free, want %d", free, minFree)
	}
	if err := p.press(2000); err != nil {
		return err
	}
	held.Store(false)
	store.Sweep(time.Now())
	if err := tape.megabyte(); err != nil {
		return fmt.Errorf("after room was made: %w", err)
	}
	return nil
}

// turnReadOnly remounts the recordings' disk under them.
func turnReadOnly(at string, p *presser) error {
	store := media.New(media.Options{Dir: at, MinFree: 1 << 20})
	if err := store.Open(); err != nil {
		return err
	}
	tape := &tape{rec: store.Recorder(media.Recordings, "gate"), boot: store.Boot()}
	if err := tape.megabyte(); err != nil {
		return err
	}
	if err := tape.rec.Close(); err != nil { // a file open for writing keeps a disk from turning by command
		return err
	}
	if err := syscall.Mount("", at, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		return err
	}
	if err := tape.megabyte(); !strings.Contains(diskTrouble(err), "read-only") {
		return fmt.Errorf("recording should have stopped: %w", err)
	}
	if err := p.press(200); err != nil {
		return err
	}
	if err := syscall.Mount("", at, "", syscall.MS_REMOUNT, ""); err != nil {
		return err
	}
	if err := tape.megabyte(); err != nil {
		return fmt.Errorf("after it was mounted anew: %w", err)
	}
	if n := len(store.Recorded("gate", time.Time{}, time.Now().Add(time.Hour))); n == 0 {
		return errors.New("what was recorded before is gone")
	}
	return tape.rec.Close()
}

type presser struct {
	desk *desk.Desk
	n    int
}

func (p *presser) press(times int) error {
	for range times {
		p.n++
		in := desk.PressIn{Press: ingest.Press{Pillar: "P-1", ID: fmt.Sprint(p.n), Kind: ingest.PressAlarm}}
		if _, err := p.desk.Handle(context.Background(), in); err != nil {
			return fmt.Errorf("press %d: %w", p.n, err)
		}
	}
	return nil
}

// tape records a picture of a megabyte a second.
type tape struct {
	rec  *media.Recorder
	boot uint64
	n    int64
}

func (t *tape) megabyte() error {
	u := &ingest.Unit{
		Params: &ingest.Params{Codec: ingest.MJPEG, Width: 320, Height: 180}, PTS: t.n * ingest.ClockRate, DTS: t.n * ingest.ClockRate, Key: true,
		NALs: [][]byte{bytes.Repeat([]byte{0xff}, 1<<20)}, Captured: time.Unix(1_700_000_000+t.n, 0),
	}
	t.n++
	return t.rec.Write([]media.Sample{media.FromUnit(u, t.boot, false)}, 0)
}
