package blind_test

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/blind"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/ingest"
)

var midnight = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return midnight.Add(d) }

// taken takes all that is pending and checks that the words make sense: what
// opens is closed before the next one opens, and nothing is negative.
func taken(t testing.TB, tr *blind.Track) (closed []blind.Interval) {
	t.Helper()
	for len(tr.Pending()) > 0 {
		i := tr.Pending()[0]
		tr.Told()
		if i.To.IsZero() {
			require.False(t, i.Opened)
			continue
		}
		require.False(t, i.To.Before(i.From), "%v", i)
		closed = append(closed, i)
	}
	return closed
}

func TestGapsAreToldWithTheirCause(t *testing.T) {
	tr := blind.NewTrack(time.Second, time.Second)
	tr.Resume(time.Time{}, nil, nil, at(0))
	tr.Cover(at(0), at(10*time.Second), blind.Camera, "no picture")
	tr.Cover(at(11*time.Second), at(20*time.Second), blind.Camera, "no picture")
	require.Empty(t, tr.Pending(), "a second is no gap")
	tr.Cover(at(22*time.Second), at(30*time.Second), blind.Camera, "no picture")
	tr.Miss(at(30500*time.Millisecond), blind.Disk, "disk full")
	require.Len(t, tr.Pending(), 1)
	tr.Miss(at(32*time.Second), blind.Disk, "disk full")
	require.Equal(t, at(22*time.Second).Add(-2*time.Second), tr.Until(), "what is not told yet is accounted for again")
	tr.Cover(at(40*time.Second), at(41*time.Second), blind.Disk, "disk full")
	require.Equal(t, []blind.Interval{
		{From: at(20 * time.Second), To: at(22 * time.Second), Cause: blind.Camera, Why: "no picture"},
		{From: at(30 * time.Second), Cause: blind.Disk, Why: "disk full"},
		{From: at(30 * time.Second), To: at(40 * time.Second), Cause: blind.Disk, Why: "disk full", Opened: true},
	}, tr.Pending())
	require.Equal(t, 12*time.Second, tr.Blind(at(50*time.Second)))
	require.Len(t, taken(t, tr), 2)
	require.Equal(t, at(41*time.Second), tr.Until())
}

func TestAnotherCauseIsAnotherInterval(t *testing.T) {
	tr := blind.NewTrack(time.Second, time.Second)
	tr.Resume(at(0), nil, nil, at(0))
	tr.Cover(at(0), at(time.Second), blind.Camera, "")
	for s := 2; s < 20; s++ {
		cause := blind.Camera
		if s >= 8 || s == 5 { // one odd word is none
			cause = blind.Disk
		}
		tr.Miss(at(time.Duration(s)*time.Second+time.Millisecond), cause, string(cause))
	}
	tr.Cover(at(20*time.Second), at(21*time.Second), blind.Disk, "")
	got := taken(t, tr)
	require.Len(t, got, 2)
	require.Equal(t, blind.Camera, got[0].Cause)
	require.Equal(t, blind.Disk, got[1].Cause)
	require.Equal(t, got[0].To, got[1].From)
	require.Equal(t, 19*time.Second, got[1].To.Sub(got[0].From))
}

func TestOverAStopTheIntervalBeginsAtTheLastCover(t *testing.T) {
	for name, c := range map[string]struct {
		until   time.Time
		open    *blind.Interval
		covered []blind.Span
		want    []string
	}{
		"first start":     {want: nil},
		"kept":            {until: at(10 * time.Second), want: []string{"10s-60s box"}},
		"files know more": {until: at(10 * time.Second), covered: []blind.Span{{at(0), at(14 * time.Second)}}, want: []string{"14s-60s box"}},
		"files know it":   {covered: []blind.Span{{at(0), at(14 * time.Second)}}, want: []string{"14s-60s box"}},
		"stopped while it was blind": {
			until: at(5 * time.Second), open: &blind.Interval{From: at(5 * time.Second), Cause: blind.Camera, Why: "gone"}, want: []string{"5s-65s camera"},
		},
		"came back unheard": {
			until: at(5 * time.Second), open: &blind.Interval{From: at(5 * time.Second), Cause: blind.Camera, Why: "gone"},
			covered: []blind.Span{{at(0), at(5 * time.Second)}, {at(8 * time.Second), at(12 * time.Second)}, {at(20 * time.Second), at(30 * time.Second)}},
			want:    []string{"5s-8s camera", "12s-20s box", "30s-60s box"},
		},
		"clock behind": {until: at(time.Hour), want: nil},
	} {
		t.Run(name, func(t *testing.T) {
			tr := blind.NewTrack(time.Second, time.Second)
			tr.Resume(c.until, c.open, c.covered, at(time.Minute))
			tr.Cover(at(time.Minute), at(time.Minute+100*time.Millisecond), blind.Camera, "")
			if c.open != nil && len(c.covered) == 0 {
				tr = blind.NewTrack(time.Second, time.Second)
				tr.Resume(c.until, c.open, c.covered, at(time.Minute))
				tr.Cover(at(65*time.Second), at(66*time.Second), blind.Camera, "")
			}
			var got []string
			for _, i := range taken(t, tr) {
				got = append(got, fmt.Sprintf("%.0fs-%.0fs %s", i.From.Sub(midnight).Seconds(), i.To.Sub(midnight).Seconds(), i.Cause))
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestAJournalThatTakesNothingLosesNoBlindness(t *testing.T) {
	tr := blind.NewTrack(time.Second, time.Second)
	tr.Resume(at(0), nil, nil, at(0))
	var want time.Duration
	for i := range 2000 { // 5 s seen, 5 s not
		from := at(time.Duration(i) * 10 * time.Second)
		tr.Cover(from, from.Add(5*time.Second), blind.Camera, "gone")
		tr.Miss(from.Add(7*time.Second), blind.Camera, "gone")
		want += 5 * time.Second
		require.LessOrEqual(t, len(tr.Pending()), 260)
	}
	tr.Cover(at(20_000*time.Second), at(20_001*time.Second), blind.Camera, "gone")
	var sum time.Duration
	var end time.Time
	for _, i := range taken(t, tr) {
		require.False(t, i.From.Before(end), "they do not overlap")
		end = i.To
		sum += i.To.Sub(i.From)
	}
	require.GreaterOrEqual(t, sum, want)
}

// day is a camera over a day, recorded by the real store, with the account as
// the box keeps it.
type day struct {
	t       *testing.T
	dir     string
	params  *ingest.Params
	store   *media.Store
	rec     *media.Recorder
	track   *blind.Track
	run     uint32
	now     time.Duration // lived since the beginning
	clock   time.Duration // how far the wall clock was set away
	stepped time.Duration // sum of the steps
	kept    time.Time     // what a heartbeat kept
	told    []blind.Interval
}

func newDay(t *testing.T) *day {
	sps, err := hex.DecodeString("6764000dacd94141960f3f010000030001000003003c0f14299600")
	require.NoError(t, err)
	d := &day{t: t, dir: t.TempDir(), params: &ingest.Params{Codec: ingest.H264, SPS: sps, PPS: []byte{0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0}, Width: 320, Height: 180}}
	d.start(nil)
	return d
}

func (d *day) wall() time.Time { return at(d.now + d.clock) }

func (d *day) start(open *blind.Interval) {
	d.track = blind.NewTrack(media.Joined, 5*time.Second)
	d.store = media.New(media.Options{Dir: d.dir, MinFree: -1, Recorded: func(_ string, from, to time.Time) {
		d.track.Cover(from, to, blind.Camera, "no picture")
	}})
	require.NoError(d.t, d.store.Open())
	var covered []blind.Span
	for _, s := range d.store.Recorded("gate", d.kept, d.wall().Add(time.Hour)) {
		covered = append(covered, blind.Span(s))
	}
	if d.now == 0 {
		d.kept = midnight
	}
	d.track.Resume(d.kept, open, covered, d.wall())
	d.rec = d.store.Recorder(media.Recordings, "gate")
	d.run++
}

// record records for so long, a fragment of ten minutes at a time, one picture a
// second.
func (d *day) record(long time.Duration) {
	d.run++
	ticks := int64(0)
	for end := d.now + long; d.now < end; {
		var samples []media.Sample
		for range min(600, int((end-d.now+time.Second-1)/time.Second)) {
			u := &ingest.Unit{Camera: "gate", Params: d.params, Run: d.run, PTS: ticks, DTS: ticks, Key: len(samples) == 0, NALs: [][]byte{{0x65, 1}}, Captured: d.wall()}
			samples = append(samples, media.FromUnit(u, d.store.Boot(), false))
			ticks += ingest.ClockRate
			d.now += time.Second
		}
		require.NoError(d.t, d.rec.Write(samples, ticks))
		d.beat()
	}
}

// miss lets time pass without a picture.
func (d *day) miss(long time.Duration, cause blind.Cause) {
	for end := d.now + long; d.now < end; d.now += 10 * time.Second {
		d.track.Miss(d.wall(), cause, string(cause))
		d.beat()
	}
}

func (d *day) beat() {
	if d.now%(5*time.Minute) == 0 {
		d.told = append(d.told, taken(d.t, d.track)...)
		d.kept = d.track.Until()
	}
}

// step sets the wall clock; whole runs of a camera end there.
func (d *day) step(by time.Duration) {
	before := d.wall()
	d.clock += by
	d.stepped += by
	d.track.Step(before, d.wall())
}

// restart stops the box, or kills it: then what was not told is forgotten.
func (d *day) restart(down time.Duration, kill bool) {
	if !kill {
		require.NoError(d.t, d.rec.Close())
		d.told = append(d.told, taken(d.t, d.track)...)
		d.kept = d.track.Until()
	}
	d.now += down
	d.start(nil)
}

// What was recorded and what was blind are the day, to the millisecond,
// whatever happened.
func TestRecordedAndBlindAreTheDay(t *testing.T) {
	d := newDay(t)
	d.record(time.Hour)
	d.miss(10*time.Minute, blind.Camera) // camera gone
	for range 50 {                       // and flapping
		d.record(20 * time.Second)
		d.miss(10*time.Second, blind.Camera)
	}
	d.record(time.Hour)
	d.restart(7*time.Minute, false)
	d.record(time.Hour)
	d.restart(3*time.Minute+137*time.Millisecond, true) // power cut
	d.record(time.Hour)
	d.miss(30*time.Minute, blind.Plan) // switched off, as configured
	d.record(time.Hour)
	d.miss(20*time.Minute, blind.Disk)
	d.record(time.Hour)
	d.step(17 * time.Minute) // the clock is set forward
	d.record(time.Hour)
	d.record(24*time.Hour - d.now - 17*time.Minute)
	d.told = append(d.told, taken(t, d.track)...)

	var recorded, unrecorded time.Duration
	causes := map[blind.Cause]time.Duration{}
	end := midnight
	for _, s := range d.store.Recorded("gate", midnight, d.wall()) {
		recorded += s.To.Sub(s.From)
		require.Equal(t, end, s.From.Add(-gapBefore(d.told, s.From)), "what is between two stretches is told")
		end = s.To
	}
	for _, i := range d.told {
		unrecorded += i.To.Sub(i.From)
		causes[i.Cause] += i.To.Sub(i.From)
	}
	require.GreaterOrEqual(t, d.wall().Sub(midnight), 24*time.Hour)
	require.Equal(t, d.wall().Sub(midnight), recorded+unrecorded)
	require.Equal(t, map[blind.Cause]time.Duration{
		blind.Box: 10*time.Minute + 137*time.Millisecond, blind.Camera: 10*time.Minute + 50*10*time.Second, blind.Plan: 30 * time.Minute,
		blind.Disk: 20 * time.Minute, blind.Clock: 17 * time.Minute,
	}, causes)
}

// gapBefore is what is told to be blind right before a time.
func gapBefore(told []blind.Interval, at time.Time) time.Duration {
	var sum time.Duration
	for range told {
		for _, i := range told {
			if i.To.Equal(at) && i.From.Before(at) {
				sum += i.To.Sub(i.From)
				at = i.From
			}
		}
	}
	return sum
}

// After the clock was set back an hour is lived twice: what was recorded, as
// segments, and what was blind are what was lived, and nothing is negative.
func TestClockSetBack(t *testing.T) {
	for _, open := range []bool{false, true} {
		t.Run(fmt.Sprint("blind at the step: ", open), func(t *testing.T) {
			d := newDay(t)
			d.record(time.Hour)
			if open {
				d.miss(5*time.Minute, blind.Camera)
			}
			d.step(-40 * time.Minute)
			if open {
				d.miss(5*time.Minute, blind.Camera)
			}
			d.record(10 * time.Minute)
			d.miss(10*time.Minute, blind.Camera)
			d.record(time.Hour)
			require.NoError(t, d.rec.Close())
			var unrecorded time.Duration
			for _, i := range append(d.told, taken(t, d.track)...) {
				unrecorded += i.To.Sub(i.From)
			}
			require.Equal(t, d.now, d.store.Stats().Recorded["gate"]+unrecorded)
		})
	}
}

// Whatever comes in whatever order: intervals are told in pairs, and none is
// negative.
func FuzzTrack(f *testing.F) {
	f.Add(uint64(1), 40)
	f.Add(uint64(7), 2000)
	f.Fuzz(func(t *testing.T, seed uint64, n int) {
		r := rand.New(rand.NewPCG(seed, 1))
		tr := blind.NewTrack(time.Second, time.Second)
		tr.Resume(at(0), nil, nil, at(0))
		now := time.Duration(0)
		causes := []blind.Cause{blind.Camera, blind.Disk, blind.Plan}
		for range min(max(n, 0), 5000) {
			step := time.Duration(r.Int64N(int64(4 * time.Second)))
			switch r.IntN(8) {
			case 0:
				by := time.Duration(r.Int64N(int64(2*time.Hour))) - time.Hour
				tr.Step(at(now), at(now+by))
				now += by
			case 1, 2, 3:
				tr.Cover(at(now), at(now+step), causes[r.IntN(3)], "")
				now += step
			default:
				now += step
				tr.Miss(at(now), causes[r.IntN(3)], "")
			}
			if r.IntN(20) == 0 {
				taken(t, tr)
			}
		}
		taken(t, tr)
	})
}
