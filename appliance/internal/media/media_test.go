package media_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/ingest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// params are those of ffmpeg's 320x180 test picture.
func params(testing.TB) *ingest.Params { return testParams() }

func testParams() *ingest.Params {
	sps, _ := hex.DecodeString("6764000dacd94141960f3f010000030001000003003c0f14299600")
	pps, _ := hex.DecodeString("68ebe3cb22c0")
	return &ingest.Params{Codec: ingest.H264, SPS: sps, PPS: pps, Width: 320, Height: 180, FPS: 25}
}

// samples are pictures first..first+n-1 of a camera at 25 pictures a second
// with a key unit every 2 s; each holds its own number.
func samples(p *ingest.Params, boot uint64, run uint32, first, n int) (out []media.Sample) {
	for i := first; i < first+n; i++ {
		kind := byte(0x41)
		if i%50 == 0 {
			kind = 0x65
		}
		body := append([]byte{kind}, fmt.Appendf(nil, "picture %d of run %d", i, run)...)
		u := &ingest.Unit{
			Camera: "gate", Params: p, Run: run, PTS: int64(i) * 3600, DTS: int64(i) * 3600, Key: i%50 == 0,
			NALs: [][]byte{{9, 0xf0}, p.SPS, p.PPS, body, bytes.Repeat([]byte{12}, 100)}, Captured: noon.Add(time.Duration(i) * 40 * time.Millisecond),
			Uncertainty: 7 * time.Millisecond,
		}
		out = append(out, media.FromUnit(u, boot, false))
	}
	return out
}

func open(t testing.TB, opt media.Options) *media.Store {
	t.Helper()
	if opt.MinFree == 0 {
		opt.MinFree = -1
	}
	s := media.New(opt)
	require.NoError(t, s.Open())
	return s
}

// record writes pictures in fragments of one second.
func record(t testing.TB, r *media.Recorder, all []media.Sample) {
	t.Helper()
	for i := 0; i < len(all); i += 25 {
		require.NoError(t, r.Write(all[i:min(i+25, len(all))], 0))
	}
}

func read(t testing.TB, s *media.Store, from, to time.Time) []media.Sample {
	t.Helper()
	got, files, err := s.Samples("gate", from, to)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, files.Close()) })
	return got
}

// TestFilesAreNotForEverybody: whoever has an account on the machine does not
// see what the cameras see, wherever the folder is.
func TestFilesAreNotForEverybody(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, media.Options{Dir: dir})
	r := s.Recorder(media.Recordings, "gate")
	record(t, r, samples(params(t), s.Boot(), 3, 0, 50))
	require.NoError(t, r.Close())
	require.NoError(t, media.WriteFile(filepath.Join(s.Path(media.Clips), "one", "part.mp4"), func(w io.Writer) error {
		_, err := io.WriteString(w, "a clip")
		return err
	}))
	files := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := entry.Info()
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o007, path)
		if !entry.IsDir() {
			files++
		}
		return nil
	}))
	require.Equal(t, 2, files)
}

func TestRecordingComesBack(t *testing.T) {
	dir := t.TempDir()
	s := open(t, media.Options{Dir: dir})
	r := s.Recorder(media.Recordings, "gate")
	p := params(t)
	all := samples(p, s.Boot(), 3, 0, 3200) // 128 s: three segments
	record(t, r, all)
	check := func(s *media.Store) {
		got := read(t, s, noon, noon.Add(time.Hour))
		require.Len(t, got, len(all))
		for i := range got {
			want, g := all[i], got[i]
			require.Equal(t, want.DTS, g.DTS)
			require.Equal(t, want.PTS, g.PTS)
			require.Equal(t, want.Key, g.Key)
			require.True(t, want.Captured.Equal(g.Captured), i)
			require.Equal(t, want.Uncertainty, g.Uncertainty)
			require.Equal(t, want.Boot, g.Boot)
			require.Equal(t, want.Run, g.Run)
			require.True(t, media.SameParams(p, g.Params))
			a, err := want.Append(nil)
			require.NoError(t, err)
			b, err := g.Append(nil)
			require.NoError(t, err)
			require.Equal(t, a, b, "delimiters, filler and parameter sets are left out of both")
		}
		require.Equal(t, []media.Span{{From: noon, To: noon.Add(128 * time.Second)}}, s.Recorded("gate", noon.Add(-time.Hour), noon.Add(time.Hour)))
		require.Equal(t, 3, s.Stats().Files[media.Recordings])
	}
	check(s) // while it is written
	require.NoError(t, r.Close())
	check(s)
	require.Equal(t, 128*time.Second, s.Stats().Recorded["gate"])
	check(open(t, media.Options{Dir: dir})) // index from the files
}

func TestNewSegmentWhereTimeDoesNotContinue(t *testing.T) {
	p, other := params(t), params(t)
	other.PPS = append(bytes.Clone(other.PPS), 1)
	jump := samples(p, 1, 0, 50, 50)
	for i := range jump {
		jump[i].Captured = jump[i].Captured.Add(-time.Minute)
	}
	for name, second := range map[string][]media.Sample{
		"run": samples(p, 1, 1, 50, 50), "boot": samples(p, 2, 0, 50, 50), "parameters": samples(other, 1, 0, 50, 50), "clock": jump,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, media.Options{Dir: t.TempDir()})
			r := s.Recorder(media.Recordings, "gate")
			require.NoError(t, r.Write(samples(p, 1, 0, 0, 50), 0))
			require.NoError(t, r.Write(second, 0))
			require.NoError(t, r.Close())
			require.Equal(t, 2, s.Stats().Files[media.Recordings])
			require.Len(t, read(t, s, noon.Add(-time.Hour), noon.Add(time.Hour)), 100)
		})
	}
}

func TestSegmentBeginsWithAKeyUnit(t *testing.T) {
	s := open(t, media.Options{Dir: t.TempDir()})
	require.ErrorIs(t, s.Recorder(media.Recordings, "gate").Write(samples(params(t), 1, 0, 1, 10), 0), media.ErrNotKey)
}

// A power cut at any byte, with what was not synced gone or full of zeros:
// what was written before the last fragment is there.
func TestPowerCut(t *testing.T) {
	dir := t.TempDir()
	s := open(t, media.Options{Dir: dir})
	record(t, s.Recorder(media.Recordings, "gate"), samples(params(t), s.Boot(), 0, 0, 100))
	found, err := filepath.Glob(filepath.Join(dir, "recordings", "gate", "*", "*.open.mp4"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	whole, err := os.ReadFile(found[0])
	require.NoError(t, err)
	var sizes [5]int // behind the head and each fragment
	for i, at := 0, 0; i < 4; i++ {
		at = bytes.Index(whole[sizes[i]:], []byte("WPfragmt")) + sizes[i] - 8
		sizes[i] = at
		sizes[i+1] = at + 9
	}
	sizes[4] = len(whole)
	rel, err := filepath.Rel(dir, found[0])
	require.NoError(t, err)
	cut := func(t *testing.T, b []byte, fragments int) {
		dir := t.TempDir()
		path := filepath.Join(dir, rel)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, b, 0o644))
		s := open(t, media.Options{Dir: dir})
		require.Len(t, read(t, s, noon, noon.Add(time.Hour)), 25*fragments)
		again := open(t, media.Options{Dir: dir})
		require.Len(t, read(t, again, noon, noon.Add(time.Hour)), 25*fragments)
	}
	for n := 0; n <= len(whole); n += 61 {
		good := 0
		for good < 4 && sizes[good+1] <= n {
			good++
		}
		cut(t, whole[:n], good)
		zeros := append(bytes.Clone(whole[:n]), make([]byte, len(whole)-n)...)
		cut(t, zeros, good)
	}
	cut(t, whole, 4)
}

func TestFullDiskIsSaid(t *testing.T) {
	s := open(t, media.Options{Dir: t.TempDir(), MinFree: 1 << 60})
	err := s.Recorder(media.Recordings, "gate").Write(samples(params(t), 1, 0, 0, 50), 0)
	require.ErrorIs(t, err, media.ErrDiskFull)
}

func TestEviction(t *testing.T) {
	dir := t.TempDir()
	var gone []media.Eviction
	held := ""
	s := open(t, media.Options{
		Dir: dir, Budgets: map[media.Class]media.Budget{
			media.Clips: {Bytes: 250}, media.Recordings: {Age: time.Hour},
		},
		Evicted: func(e []media.Eviction) { gone = append(gone, e...) },
		Held:    func() func(media.Item) bool { return func(it media.Item) bool { return it.Name == held } },
	})
	for i := range 5 {
		name := fmt.Sprintf("clips/c%d/whole.mp4", i)
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, make([]byte, 100), 0o644))
		at := noon.Add(time.Duration(i) * time.Minute)
		s.Add(media.Item{Class: media.Clips, Name: name, Owner: fmt.Sprintf("c%d", i), From: at, To: at, Bytes: 100})
	}
	held = "clips/c0/whole.mp4"
	s.SetUploaded("clips/c3/whole.mp4")
	r := s.Recorder(media.Recordings, "gate")
	require.NoError(t, r.Write(samples(params(t), 1, 0, 0, 50), 0))
	s.Sweep(noon.Add(2 * time.Hour))
	names := func() (out []string) {
		for _, e := range gone {
			out = append(out, e.Owner+" "+e.Why)
		}
		return out
	}
	require.ElementsMatch(t, []string{"c3 budget", "c1 budget", "c2 budget"}, names(), "uploaded first, held never, open segments neither")
	require.NoFileExists(t, filepath.Join(dir, "clips", "c3", "whole.mp4"))
	require.NoError(t, r.Close())
	s.Sweep(noon.Add(time.Hour + time.Second))
	require.Len(t, gone, 3)
	s.Sweep(noon.Add(time.Hour + 3*time.Second))
	require.Equal(t, "gate age", names()[3])
	require.Zero(t, s.Stats().Files[media.Recordings])
	require.EqualValues(t, 200, s.Stats().Bytes[media.Clips])
}

func TestSnapshots(t *testing.T) {
	dir := t.TempDir()
	s := open(t, media.Options{Dir: dir})
	hash, err := s.PutSnapshot([]byte("a picture"))
	require.NoError(t, err)
	require.Equal(t, "92b2fa58028958317e408bd84ecfa70f5ee35b121991dbc232c49d166353708b", hash)
	again, err := s.PutSnapshot([]byte("a picture"))
	require.NoError(t, err)
	require.Equal(t, hash, again)
	s = open(t, media.Options{Dir: dir})
	b, err := s.Snapshot(hash)
	require.NoError(t, err)
	require.Equal(t, "a picture", string(b))
	for _, bad := range []string{"", "..", "../../etc/passwd", hash[:62] + "00"} {
		_, err = s.Snapshot(bad)
		require.ErrorIs(t, err, media.ErrNotFound, bad)
	}
	path := filepath.Join(dir, "snapshots", hash[:2], hash+".jpg")
	require.NoError(t, os.WriteFile(path, []byte("another"), 0o644))
	_, err = s.Snapshot(hash)
	require.Error(t, err)
	require.False(t, errors.Is(err, media.ErrNotFound))
}

func TestTracks(t *testing.T) {
	dir := t.TempDir()
	s := open(t, media.Options{Dir: dir, Budgets: map[media.Class]media.Budget{media.Telemetry: {Age: 7 * 24 * time.Hour}}})
	track := s.Telemetry("uav/1")
	begin := noon.Add(12*time.Hour - 5*time.Second)
	for i := range 100 { // 10 Hz over midnight
		h := float64(i)
		require.NoError(t, track.Append(ingest.Telemetry{Drone: "uav/1", At: begin.Add(time.Duration(i) * 100 * time.Millisecond), HeightM: &h}))
	}
	files, err := filepath.Glob(filepath.Join(dir, "telemetry", "*", "*.jsonl"))
	require.NoError(t, err)
	require.Len(t, files, 2)
	f, err := os.OpenFile(files[1], os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(`{"drone":"uav/1","at":"20`) // torn
	require.NoError(t, err)
	require.NoError(t, f.Close())
	s2 := open(t, media.Options{Dir: dir})
	require.NoError(t, s2.Telemetry("uav/1").Append(ingest.Telemetry{Drone: "uav/1", At: begin.Add(20 * time.Second)}))
	got, err := s2.Telemetry("uav/1").Read(begin.Add(time.Second), begin.Add(time.Hour))
	require.NoError(t, err)
	require.Len(t, got, 10)
	require.True(t, begin.Add(time.Second).Equal(got[0].At))
	require.InDelta(t, 10, *got[0].HeightM, 0.001)
	s.Sweep(begin.AddDate(0, 0, 8))
	require.Equal(t, 1, s.Stats().Files[media.Telemetry])
}

// TestLatePositions: a phone that was out of reach tells late where it was; a
// drone of the same name has a track of its own.
func TestLatePositions(t *testing.T) {
	s := open(t, media.Options{Dir: t.TempDir()})
	require.NoError(t, s.Telemetry("zhang").Append(ingest.Telemetry{Drone: "zhang", At: noon.Add(10 * time.Second)}))
	for _, second := range []int{10, 1, 2, 11} {
		require.NoError(t, s.Positions("zhang").Append(ingest.Fix{Person: "zhang", At: noon.Add(time.Duration(second) * time.Second)}))
	}
	require.NoError(t, filepath.WalkDir(s.Path(media.Positions), func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := entry.Info()
		require.NoError(t, err)
		if path != s.Path(media.Positions) {
			require.Zero(t, info.Mode().Perm()&0o077, "%s: where people were is the box's alone", path)
		}
		return nil
	}))
	got, err := s.Positions("zhang").Read(noon, noon.Add(time.Hour))
	require.NoError(t, err)
	var seconds []float64
	for _, fix := range got {
		seconds = append(seconds, fix.At.Sub(noon).Seconds())
	}
	require.Equal(t, []float64{1, 2, 10, 11}, seconds)
	require.Equal(t, 1, s.Stats().Files[media.Positions])
}

func TestNames(t *testing.T) {
	for id, want := range map[string]string{"gate-east": "gate-east", "..": "%2E.", "a/b": "a%2Fb", "东门": "%E4%B8%9C%E9%97%A8"} {
		got, err := media.Folder(id)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := media.Folder("")
	require.ErrorIs(t, err, media.ErrName)
}
