package clip_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
)

// checkFile decodes a part and compares it with the footage: which picture it
// presents first, how many, how long.
func checkFile(t *testing.T, f footage, path string, first, count int, length time.Duration) {
	t.Helper()
	p := ffprobe(t, path)
	require.InDelta(t, length.Seconds(), p.duration(t), 0.001)
	sums, pts, err := framesOf(path)
	require.NoError(t, err)
	require.Len(t, sums, count)
	require.InDelta(t, 0, pts[0], 0.0001, "first picture is presented at 0")
	require.Equal(t, f.frames[first], sums[0], "first presented picture")
	require.Equal(t, f.frames[first+count-1], sums[count-1], "last presented picture")
}

func sum(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// An alert 40.02 s after the first picture: part 1 from 30 s before it, within
// a second; the whole within half a second of the post-roll; first picture,
// last picture and length exact.
func TestClipIsExact(t *testing.T) {
	for name, get := range map[string]func() footage{"plain": plain, "with B-frames": withB} {
		records := []clip.Record{clip.Continuous, clip.Off}
		if name != "plain" {
			records = []clip.Record{clip.Continuous, clip.Incidents}
		}
		for _, rec := range records {
			t.Run(name+" "+string(rec), func(t *testing.T) {
				f := load(t, get)
				require.Equal(t, name != "plain", f.reordered())
				dir := t.TempDir()
				var b *box
				var alert time.Time
				bubble(t, func(t *testing.T) {
					b = start(t, dir)
					s := b.hold(rec)
					began := now()
					go s.play(f, 0, frames)
					alert = began.Add(40*time.Second + 20*time.Millisecond)
					pass(time.Until(alert))
					id, err := b.cutter.Want(t.Context(), want("01A", "a1", alert))
					require.NoError(t, err)
					require.Equal(t, "01A-gate-1", id)
					pass(20 * time.Second)
					b.close()
				})
				ready, empty := b.got()
				require.Empty(t, empty)
				require.Len(t, ready, 2)
				one, whole := ready[0], ready[1]
				require.Equal(t, clip.Part1, one.Part)
				require.LessOrEqual(t, b.readyAt[0].Sub(alert), time.Second)
				require.LessOrEqual(t, b.readyAt[1].Sub(alert.Add(10*time.Second)), 500*time.Millisecond)
				require.Empty(t, one.Gaps)
				require.Empty(t, whole.Gaps)
				require.Equal(t, alert.Add(-30*time.Second), one.WantedFrom)
				require.Equal(t, alert.Add(-30*time.Second-20*time.Millisecond), one.From)
				require.Equal(t, alert.Add(20*time.Millisecond), one.To)
				require.Equal(t, one.From, whole.From)
				require.InDelta(t, 20, whole.UncertaintyMS, 0.001)
				require.Equal(t, sum(t, whole.Path), whole.SHA256)
				checkFile(t, f, whole.Path, 250, 1001, 40*time.Second+40*time.Millisecond)
				require.NoFileExists(t, one.Path, "part 1 goes once the whole is told")
				segments, err := filepath.Glob(filepath.Join(dir, "recordings", "gate", "*", "*.mp4"))
				require.NoError(t, err)
				for _, path := range segments[:min(1, len(segments))] {
					ffprobe(t, path)
				}
				if rec == clip.Off {
					require.Zero(t, b.store.Stats().Files[media.Spool]+b.store.Stats().Files[media.Recordings])
				}
			})
		}
	}
}

func TestPart1StaysUntilUploaded(t *testing.T) {
	f := load(t, plain)
	dir := t.TempDir()
	var one, whole clip.Ready
	bubble(t, func(t *testing.T) {
		b := start(t, dir)
		b.refuse = 3
		s := b.hold(clip.Continuous)
		began := now()
		go s.play(f, 0, frames)
		pass(40 * time.Second)
		w := want("01A", "a1", began.Add(40*time.Second))
		w.Upload = true
		id, err := b.cutter.Want(t.Context(), w)
		require.NoError(t, err)
		again, err := b.cutter.Want(t.Context(), w)
		require.NoError(t, err)
		require.Equal(t, id, again)
		pass(5 * time.Second) // the journal refused three times
		list := b.cutter.Clips("01A")
		require.Len(t, list, 1)
		require.Equal(t, clip.Part1, list[0].Part)
		require.Equal(t, list[0].SHA256, sum(t, list[0].Path))
		pass(15 * time.Second)
		ready, _ := b.got()
		require.Len(t, ready, 2)
		one, whole = ready[0], ready[1]
		require.FileExists(t, one.Path)
		require.Equal(t, one.SHA256, sum(t, one.Path), "part 1 never changes")
		require.Equal(t, clip.PartWhole, b.cutter.Clips("01A")[0].Part)
		b.close()

		b = start(t, dir) // the mark is set after a restart
		require.NoError(t, b.cutter.SetUploadDone(id, clip.Part1))
		_, err = b.cutter.Part(id, clip.Part1)
		require.ErrorIs(t, err, media.ErrNotFound)
		r, err := b.cutter.Part(id, clip.PartWhole)
		require.NoError(t, err)
		require.Equal(t, whole, r)
		_, err = b.cutter.Want(t.Context(), w)
		require.NoError(t, err)
		synctest.Wait()
		ready, _ = b.got()
		require.Empty(t, ready, "what was told is not told again")
		b.close()
	})
	require.NoFileExists(t, one.Path)
	checkFile(t, f, whole.Path, 250, 1000, 40*time.Second)
}

func TestAlertsExtendThenCount(t *testing.T) {
	f := load(t, plain)
	dir := t.TempDir()
	var ready []clip.Ready
	bubble(t, func(t *testing.T) {
		b := start(t, dir)
		s := b.hold(clip.Continuous)
		began := now()
		go s.play(f, 0, frames)
		ask := func(alert string, after time.Duration) string {
			pass(time.Until(began.Add(after)))
			w := want("01A", alert, began.Add(after))
			w.PostRoll = 5 * time.Second
			id, err := b.cutter.Want(t.Context(), w)
			require.NoError(t, err)
			return id
		}
		require.Equal(t, "01A-gate-1", ask("a1", 35*time.Second))
		require.Equal(t, "01A-gate-1", ask("a2", 39*time.Second))
		require.Equal(t, "01A-gate-2", ask("a3", 50*time.Second))
		pass(9 * time.Second)
		ready, _ = b.got()
		b.close()
	})
	require.Len(t, ready, 4)
	require.Equal(t, "01A-gate-1", ready[1].ID)
	checkFile(t, f, ready[1].Path, 125, 39*25, 39*time.Second)
	require.Equal(t, "01A-gate-2", ready[3].ID)
	checkFile(t, f, ready[3].Path, 500, 35*25, 35*time.Second)
}

func TestCameraHeldForLess(t *testing.T) {
	f := load(t, plain)
	dir := t.TempDir()
	var ready []clip.Ready
	var began, alert time.Time
	bubble(t, func(t *testing.T) {
		b := start(t, dir)
		s := b.hold(clip.Continuous)
		began = now()
		go s.play(f, 0, 500)
		alert = began.Add(8 * time.Second)
		pass(time.Until(alert))
		_, err := b.cutter.Want(t.Context(), want("01A", "a1", alert))
		require.NoError(t, err)
		pass(15 * time.Second)
		ready, _ = b.got()
		b.close()
	})
	require.Len(t, ready, 2)
	require.Equal(t, began.UTC(), ready[1].From)
	require.Equal(t, alert.Add(-30*time.Second).UTC(), ready[1].WantedFrom)
	checkFile(t, f, ready[1].Path, 0, 18*25, 18*time.Second)
}

func TestNothingHeldIsSaid(t *testing.T) {
	dir := t.TempDir()
	bubble(t, func(t *testing.T) {
		b := start(t, dir)
		_, err := b.cutter.Want(t.Context(), want("01A", "a1", time.Now()))
		require.NoError(t, err)
		pass(15 * time.Second)
		ready, empty := b.got()
		require.Empty(t, ready)
		require.Len(t, empty, 2)
		require.Equal(t, "camera is not held", empty[0].Why)
		require.Empty(t, b.cutter.Clips("01A"))
		b.close()
	})
}

// The camera goes away for 4 s and comes back with another run: the picture
// before the gap stands, so that clip time stays wall time.
func TestGapIsStretchedAndListed(t *testing.T) {
	f := load(t, plain)
	dir := t.TempDir()
	var ready []clip.Ready
	var began time.Time
	bubble(t, func(t *testing.T) {
		b := start(t, dir)
		s := b.hold(clip.Continuous)
		began = now()
		go func() {
			s.play(f, 0, 500) // to 20 s
			s.sleep(4*time.Second - cameraLag + frameTime)
			s.run++
			s.play(f, 600, frames) // from 24 s
		}()
		pass(30 * time.Second)
		_, err := b.cutter.Want(t.Context(), want("01A", "a1", began.Add(30*time.Second)))
		require.NoError(t, err)
		pass(15 * time.Second)
		ready, _ = b.got()
		b.close()
	})
	require.Len(t, ready, 2)
	whole := ready[1]
	require.Equal(t, []clip.Gap{{From: began.Add(20 * time.Second).UTC(), To: began.Add(24 * time.Second).UTC(), Why: "camera reconnected"}}, utc(whole.Gaps))
	sums, pts, err := framesOf(whole.Path)
	require.NoError(t, err)
	require.InDelta(t, 40, ffprobe(t, whole.Path).duration(t), 0.001)
	require.Len(t, sums, 36*25)
	require.InDelta(t, 19.96, pts[499], 0.001)
	require.InDelta(t, 24, pts[500], 0.001)
	require.Equal(t, f.frames[600], sums[500])
}

// The camera was away when the clip should begin: it begins with the first
// picture after that, not with a frozen one.
func TestBeginsAfterTheGapItWouldBeginIn(t *testing.T) {
	f := load(t, plain)
	dir := t.TempDir()
	var ready []clip.Ready
	var began time.Time
	bubble(t, func(t *testing.T) {
		b := start(t, dir)
		s := b.hold(clip.Continuous)
		began = now()
		go func() {
			s.play(f, 0, 200)
			s.sleep(4*time.Second - cameraLag + frameTime)
			s.run++
			s.play(f, 300, frames) // from 12 s
		}()
		pass(20 * time.Second)
		w := want("01A", "a1", began.Add(20*time.Second))
		w.PreRoll, w.PostRoll = 10*time.Second, 2*time.Second
		_, err := b.cutter.Want(t.Context(), w)
		require.NoError(t, err)
		pass(5 * time.Second)
		ready, _ = b.got()
		b.close()
	})
	require.Len(t, ready, 2)
	require.Equal(t, began.Add(12*time.Second), ready[1].From)
	require.Equal(t, began.Add(10*time.Second), ready[1].WantedFrom)
	require.Empty(t, ready[1].Gaps)
	checkFile(t, f, ready[1].Path, 300, 250, 10*time.Second)
}

// A reader that was too slow loses units: that is a gap with its own reason.
func TestDroppedUnitsAreAGap(t *testing.T) {
	f := load(t, plain)
	dir := t.TempDir()
	var ready []clip.Ready
	bubble(t, func(t *testing.T) {
		b := start(t, dir)
		s := b.hold(clip.Continuous)
		began := now()
		go func() {
			s.play(f, 0, 480)
			s.sleep(20*frameTime - cameraLag + frameTime)
			s.dropped.Add(20)
			s.play(f, 500, frames)
		}()
		pass(25 * time.Second)
		w := want("01A", "a1", began.Add(25*time.Second))
		w.PreRoll, w.PostRoll = 20*time.Second, 2*time.Second
		_, err := b.cutter.Want(t.Context(), w)
		require.NoError(t, err)
		pass(5 * time.Second)
		ready, _ = b.got()
		require.EqualValues(t, 20, b.cutter.Stats().Cameras["gate"].Dropped)
		b.close()
	})
	require.Len(t, ready, 2)
	require.Len(t, ready[1].Gaps, 1)
	require.Equal(t, "units dropped", ready[1].Gaps[0].Why)
	require.InDelta(t, 22, ffprobe(t, ready[1].Path).duration(t), 0.001)
}

func utc(gaps []clip.Gap) []clip.Gap {
	for i := range gaps {
		gaps[i].From, gaps[i].To = gaps[i].From.UTC(), gaps[i].To.UTC()
	}
	return gaps
}

// kill -9 while the clip grows, with the last fragment torn: after the start
// the clip is whole, with the missing stretch listed.
func TestKilledWhileGrowing(t *testing.T) {
	for _, rec := range []clip.Record{clip.Continuous, clip.Incidents, clip.Off} {
		t.Run(string(rec), func(t *testing.T) {
			f := load(t, plain)
			dir, dead := t.TempDir(), t.TempDir()
			var ready []clip.Ready
			var began time.Time
			bubble(t, func(t *testing.T) {
				b := start(t, dir)
				s := b.hold(rec)
				began = now()
				go s.play(f, 0, 1125) // to 45 s
				pass(40 * time.Second)
				w := want("01A", "a1", began.Add(40*time.Second))
				_, err := b.cutter.Want(t.Context(), w)
				require.NoError(t, err)
				pass(5 * time.Second)
				synctest.Wait()
				copyDir(t, dead, dir)
				b.close()
				tear(t, dead)

				b = start(t, dead)
				s = b.hold(rec)
				pass(time.Until(began.Add(46 * time.Second)))
				go s.play(f, 1150, frames) // from 46 s, same run number, another boot
				pass(10 * time.Second)
				_, err = b.cutter.Want(t.Context(), w)
				require.NoError(t, err)
				ready, _ = b.got()
				b.close()
			})
			require.Len(t, ready, 1, "part 1 was told before")
			whole := ready[0]
			require.Equal(t, clip.PartWhole, whole.Part)
			require.InDelta(t, 40, ffprobe(t, whole.Path).duration(t), 0.001)
			require.Len(t, whole.Gaps, 1)
			gap := whole.Gaps[0]
			require.Equal(t, "box was down", gap.Why)
			require.Equal(t, began.Add(46*time.Second).UTC(), gap.To.UTC())
			require.GreaterOrEqual(t, gap.From.Sub(began), 42*time.Second, "at most one fragment is lost")
			sums, _, err := framesOf(whole.Path)
			require.NoError(t, err)
			require.Equal(t, f.frames[250], sums[0])
			require.Equal(t, f.frames[1249], sums[len(sums)-1])
		})
	}
}

// tear cuts the open segment in the middle of its last fragment.
func tear(t *testing.T, dir string) {
	t.Helper()
	open, err := filepath.Glob(filepath.Join(dir, "*", "gate", "*", "*.open.mp4"))
	require.NoError(t, err)
	require.Len(t, open, 1)
	info, err := os.Stat(open[0])
	require.NoError(t, err)
	require.NoError(t, os.Truncate(open[0], info.Size()-100))
}

// A stop between any two writes of sealing: the part is made again, or found
// finished, and told; what was half written is gone.
func TestKilledWhileSealing(t *testing.T) {
	f := load(t, plain)
	dir := t.TempDir()
	cases := map[string][]string{"before the table": {"1.json", "1.samples.json"}, "before the description": {"1.json"}, "before the note": nil}
	dead := map[string]string{}
	for name := range cases {
		dead[name] = t.TempDir()
	}
	var before clip.Ready
	bubble(t, func(t *testing.T) {
		b := start(t, dir)
		s := b.hold(clip.Continuous)
		began := now()
		go s.play(f, 0, frames)
		pass(40 * time.Second)
		_, err := b.cutter.Want(t.Context(), want("01A", "a1", began.Add(40*time.Second)))
		require.NoError(t, err)
		pass(3 * time.Second)
		synctest.Wait()
		ready, _ := b.got()
		require.Len(t, ready, 1)
		before = ready[0]
		for name, missing := range cases {
			copyDir(t, dead[name], dir)
			undo(t, filepath.Join(dead[name], "clips", "01A-gate-1"), missing)
		}
		b.close()
		pass(time.Minute)
		for name := range cases {
			b := start(t, dead[name])
			synctest.Wait()
			ready, empty := b.got()
			b.close()
			require.Empty(t, empty, name)
			require.Len(t, ready, 2, name)
			require.Equal(t, clip.Part1, ready[0].Part)
			require.Equal(t, before.From, ready[0].From, name)
			require.Equal(t, before.To, ready[0].To, name)
			require.Equal(t, before.Bytes, ready[0].Bytes, name)
			require.Len(t, ready[1].Gaps, 1, name)
			left, err := filepath.Glob(filepath.Join(dead[name], "clips", "*", ".tmp-*"))
			require.NoError(t, err)
			require.Empty(t, left)
		}
	})
	for name := range cases {
		_, pts, err := framesOf(filepath.Join(dead[name], "clips", "01A-gate-1", "whole.mp4"))
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(pts), 32*25)
	}
}

// undo takes a clip's folder back to before part 1 was noted.
func undo(t *testing.T, dir string, missing []string) {
	t.Helper()
	path := filepath.Join(dir, "clip.json")
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	var state map[string]any
	require.NoError(t, json.Unmarshal(raw, &state))
	state["sealed"], state["told"] = nil, nil
	raw, err = json.Marshal(state)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, raw, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".tmp-half"), []byte("half"), 0o644))
	for _, name := range missing {
		require.NoError(t, os.Remove(filepath.Join(dir, name)))
	}
}

// The post-roll passes while the box is down: the clip is finished at once.
func TestFinishedAtStart(t *testing.T) {
	f := load(t, plain)
	dir := t.TempDir()
	bubble(t, func(t *testing.T) {
		b := start(t, dir)
		s := b.hold(clip.Continuous)
		began := now()
		go s.play(f, 0, 1125)
		pass(40 * time.Second)
		_, err := b.cutter.Want(t.Context(), want("01A", "a1", began.Add(40*time.Second)))
		require.NoError(t, err)
		pass(5*time.Second + 200*time.Millisecond)
		b.close()
		pass(time.Hour)

		b = start(t, dir)
		synctest.Wait()
		ready, _ := b.got()
		require.Len(t, ready, 1)
		require.Equal(t, clip.PartWhole, ready[0].Part)
		require.Equal(t, began.Add(45*time.Second).UTC(), ready[0].To)
		require.Len(t, ready[0].Gaps, 1)
		b.close()
	})
}

func TestParametersChange(t *testing.T) {
	f, g := load(t, plain), load(t, other)
	dir := t.TempDir()
	var ready []clip.Ready
	bubble(t, func(t *testing.T) {
		b := start(t, dir)
		s := b.hold(clip.Continuous)
		began := now()
		go func() {
			s.play(f, 0, 500)
			s.run++
			s.play(g, 500, frames)
		}()
		pass(30 * time.Second)
		_, err := b.cutter.Want(t.Context(), want("01A", "a1", began.Add(30*time.Second)))
		require.NoError(t, err)
		pass(15 * time.Second)
		ready, _ = b.got()
		b.close()
	})
	require.Len(t, ready, 2)
	p := ffprobe(t, ready[1].Path)
	require.InDelta(t, 40, p.duration(t), 0.05)
}

func TestInterval(t *testing.T) {
	f := load(t, withB)
	dir := t.TempDir()
	out := filepath.Join(t.TempDir(), "i.mp4")
	bubble(t, func(t *testing.T) {
		b := start(t, dir)
		s := b.hold(clip.Continuous)
		began := now()
		go s.play(f, 0, frames)
		pass(58 * time.Second)
		m, err := b.cutter.Interval("gate", began.Add(5*time.Second), began.Add(25*time.Second))
		require.NoError(t, err)
		file, err := os.Create(out)
		require.NoError(t, err)
		n, err := file.ReadFrom(m)
		require.NoError(t, err)
		require.Equal(t, m.Size(), n)
		// Any part of it reads the same, as a range request does.
		whole, err := os.ReadFile(out)
		require.NoError(t, err)
		part := make([]byte, 5000)
		for off := int64(0); off < n; off += 7919 * 13 {
			got, _ := m.ReadAt(part, off)
			require.Equal(t, whole[off:off+int64(got)], part[:got])
		}
		again, err := b.cutter.Interval("gate", began.Add(5*time.Second), began.Add(25*time.Second))
		require.NoError(t, err)
		require.Equal(t, m.ETag(), again.ETag())
		require.NoError(t, again.Close())
		require.Contains(t, string(whole), `{"camera":"gate","from":"`+m.From.Format(time.RFC3339Nano)+`"`, "it says when it was")
		require.NoError(t, m.Close())
		require.NoError(t, file.Close())
		for _, bad := range [][2]time.Duration{{10, 5}, {-7200, 10}, {0, 100}} {
			_, err = b.cutter.Interval("gate", began.Add(bad[0]*time.Second), began.Add(bad[1]*time.Second))
			require.ErrorIs(t, err, clip.ErrRefused)
		}
		_, err = b.cutter.Interval("gate", began.Add(-time.Hour), began.Add(-time.Minute))
		require.ErrorIs(t, err, clip.ErrNothing)
		b.close()
	})
	checkFile(t, f, out, 125, 500, 20*time.Second)
}

// H.265 and MJPEG are kept and cut the same way.
func TestOtherCodecs(t *testing.T) {
	for name, get := range map[string]func() footage{"hevc": hevc, "mjpeg": mjpeg} {
		t.Run(name, func(t *testing.T) {
			f := load(t, get)
			dir := t.TempDir()
			var ready []clip.Ready
			bubble(t, func(t *testing.T) {
				b := start(t, dir)
				s := b.hold(clip.Continuous)
				began := now()
				go s.play(f, 0, len(f.units))
				pass(8 * time.Second)
				w := want("01A", "a1", began.Add(8*time.Second))
				w.PreRoll, w.PostRoll = 5*time.Second, 5*time.Second
				_, err := b.cutter.Want(t.Context(), w)
				require.NoError(t, err)
				pass(7 * time.Second)
				ready, _ = b.got()
				b.close()
			})
			require.Len(t, ready, 2)
			checkFile(t, f, ready[1].Path, 75, 250, 10*time.Second)
			require.Equal(t, name, ffprobe(t, ready[1].Path).Streams[0].Codec)
		})
	}
}

func TestWantRefusesWhatItCannotKeep(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, t.TempDir())
		defer b.close()
		_, err := b.cutter.Want(t.Context(), clip.Want{Camera: "gate"})
		require.Error(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = b.cutter.Want(ctx, want("01A", "a1", time.Now()))
		require.ErrorIs(t, err, context.Canceled)
	})
}
