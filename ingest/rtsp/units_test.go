package rtsp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
)

// Parameter sets of x264 at 1920×1080, 25 pictures a second.
var (
	sps1080 = []byte{0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc6, 0x58}
	pps1    = []byte{0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0}
	pps2    = []byte{0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc1}
	idr     = []byte{0x65, 0x88, 0x84, 0x00, 0x33}
	slice   = []byte{0x41, 0x9a, 0x24, 0x6c}
	sei     = []byte{0x06, 0x05, 0x01, 0x00, 0x80}
	filler  = []byte{0x0c, 0xff, 0xff, 0x80}
	aud     = []byte{0x09, 0xf0}
)

func assemble(t *testing.T) *assembler {
	t.Helper()
	a := &assembler{camera: "gate"}
	require.NoError(t, a.session(ingest.H264, nil, sps1080, pps1))
	return a
}

func (a *assembler) at(au [][]byte, raw int64, mono time.Duration) (*ingest.Unit, error) {
	return a.unit(au, raw, time.Unix(1_800_000_000, 0).Add(mono), mono, time.Time{})
}

func TestWhatIsTakenOut(t *testing.T) {
	a := assemble(t)
	u, err := a.at([][]byte{aud, sps1080, pps1, sei, {}, idr, filler}, 0, 0)
	require.NoError(t, err)
	require.Equal(t, [][]byte{sei, idr}, u.NALs)
	require.Equal(t, len(sei)+len(idr), u.Bytes)
	require.True(t, u.Key)
	require.Equal(t, 1920, u.Params.Width)
	require.Equal(t, 1080, u.Params.Height)

	u, err = a.at([][]byte{pps1, pps2, slice}, 3600, 40*time.Millisecond)
	require.NoError(t, err)
	require.Equal(t, [][]byte{pps2, slice}, u.NALs, "a further set stays, Params has room for one")
	require.False(t, u.Key)

	for _, au := range [][][]byte{nil, {}, {{}}, {sei}, {sps1080, pps1}, {aud, filler}} {
		_, err = a.at(au, 7200, 80*time.Millisecond)
		require.ErrorIs(t, err, errNoPicture)
	}
}

func TestParamsChange(t *testing.T) {
	a := &assembler{}
	require.NoError(t, a.session(ingest.H264, nil, nil, nil))
	_, err := a.at([][]byte{slice}, 0, 0)
	require.ErrorIs(t, err, errNoParams)
	first, err := a.at([][]byte{sps1080, pps1, idr}, 0, 0)
	require.NoError(t, err)
	same, err := a.at([][]byte{sps1080, pps1, idr}, 3600, 40*time.Millisecond)
	require.NoError(t, err)
	require.Same(t, first.Params, same.Params)
	other, err := a.at([][]byte{pps2, idr}, 7200, 80*time.Millisecond)
	require.NoError(t, err)
	require.NotSame(t, first.Params, other.Params)
	require.Equal(t, pps1, first.Params.PPS, "what was delivered does not change")
	require.Equal(t, pps2, other.Params.PPS)
	_, err = a.at([][]byte{{0x67, 0x64}, idr}, 10800, 120*time.Millisecond)
	require.ErrorContains(t, err, "read sequence parameter set")
	again, err := a.at([][]byte{idr}, 14400, 160*time.Millisecond)
	require.NoError(t, err)
	require.Equal(t, 1920, again.Params.Width)
}

func TestRunGrowsWhenTimeDoesNotContinue(t *testing.T) {
	second := int64(ingest.ClockRate)
	for name, c := range map[string]struct {
		step   int64
		passed time.Duration
		run    uint32
	}{
		"next picture":              {3600, 40 * time.Millisecond, 1},
		"reordered picture":         {-7200, 40 * time.Millisecond, 1},
		"twice the same time":       {0, 40 * time.Millisecond, 1},
		"network stalls":            {3600, 10 * time.Second, 1},
		"burst after a stall":       {second, 0, 1},
		"camera paused":             {30 * second, 30 * time.Second, 1},
		"jump ahead":                {30 * second, 40 * time.Millisecond, 2},
		"jump back":                 {-2 * second, 40 * time.Millisecond, 2},
		"jump far ahead in a pause": {3600 * second, 30 * time.Second, 2},
	} {
		a := assemble(t)
		_, err := a.at([][]byte{idr}, 1000, time.Minute)
		require.NoError(t, err)
		u, err := a.at([][]byte{idr}, 1000+c.step, time.Minute+c.passed)
		require.NoError(t, err)
		require.Equal(t, c.run, u.Run, name)
		if c.run == 2 {
			require.Zero(t, u.PTS, name)
		} else {
			require.Positive(t, u.DTS, name)
		}
		require.GreaterOrEqual(t, u.PTS, u.DTS)
		require.NoError(t, a.session(ingest.H264, nil, nil, nil))
		u, err = a.at([][]byte{idr}, 1000+c.step+3600, time.Minute+c.passed)
		require.NoError(t, err)
		require.Equal(t, c.run+1, u.Run, "a reconnect")
	}
}

func TestARunBeginsWithAKeyUnit(t *testing.T) {
	a := assemble(t)
	_, err := a.at([][]byte{slice}, 0, 0)
	require.ErrorIs(t, err, errNoKey)
	_, err = a.at([][]byte{idr}, 3600, 40*time.Millisecond)
	require.NoError(t, err)
	for n := range int64(3) { // a jump within a group: nothing is lost
		u, err := a.at([][]byte{slice}, 1e9+n*3600, 80*time.Millisecond+time.Duration(n)*40*time.Millisecond)
		require.NoError(t, err)
		require.EqualValues(t, 1, u.Run)
		require.EqualValues(t, (n+1)*3600, u.PTS)
	}
	u, err := a.at([][]byte{idr}, 1e9+10800, 200*time.Millisecond)
	require.NoError(t, err)
	require.EqualValues(t, 2, u.Run)
	require.Zero(t, u.PTS)
}

// RTP time that stands still, or counts in another unit, is none: pictures are
// dated by their arrival.
func TestRTPTimeThatIsNoTime(t *testing.T) {
	for name, c := range map[string]struct {
		raw    func(n int64) int64
		within time.Duration
		wrong  bool
	}{
		"right":             {func(n int64) int64 { return n * 3600 }, time.Hour, false},
		"a little fast":     {func(n int64) int64 { return n * 3650 }, time.Hour, false},
		"frozen":            {func(int64) int64 { return 7 }, 2 * time.Second, true},
		"frozen after 10 s": {func(n int64) int64 { return min(n, 250) * 3600 }, 12 * time.Second, true},
		"milliseconds":      {func(n int64) int64 { return n * 40 }, 31 * time.Second, true},
		"three times":       {func(n int64) int64 { return n * 10800 }, 31 * time.Second, true},
	} {
		a := assemble(t)
		wrongFrom := time.Hour
		var last *ingest.Unit
		for n := range int64(25 * 60) {
			nal := slice
			if n%50 == 0 {
				nal = idr
			}
			mono := time.Duration(n) * frame
			u, err := a.at([][]byte{nal}, c.raw(n), mono)
			require.NoError(t, err, name)
			if a.pace.byArrival && wrongFrom == time.Hour {
				wrongFrom = mono
			}
			if mono > wrongFrom+frame && last.Run == u.Run {
				require.InDelta(t, 3600, u.PTS-last.PTS, 2, name)
			}
			last = u
		}
		require.Equal(t, c.wrong, a.pace.byArrival, name)
		require.LessOrEqual(t, wrongFrom, c.within, name)
		require.LessOrEqual(t, last.Run, uint32(2), name)
		require.NoError(t, a.session(ingest.H264, nil, nil, nil))
		require.False(t, a.pace.byArrival, "a new session is believed again")
	}
}

// Some encoders never send an IDR picture after their first: who comes later
// begins at a recovery point.
func TestRecoveryPointsWhereThereIsNoIDR(t *testing.T) {
	recovery := []byte{0x06, 0x05, 0x02, 0x11, 0x22, 0x06, 0x01, 0xC4, 0x80} // behind user data
	gradual := []byte{0x06, 0x06, 0x01, 0x20, 0x80}
	a := assemble(t)
	for _, au := range [][][]byte{{slice}, {sei, slice}, {gradual, slice}} {
		_, err := a.at(au, 0, 0)
		require.ErrorIs(t, err, errNoKey)
	}
	u, err := a.at([][]byte{recovery, slice}, 3600, frame)
	require.NoError(t, err)
	require.True(t, u.Key)
	u, err = a.at([][]byte{recovery, slice}, 7200, 2*frame)
	require.NoError(t, err)
	require.True(t, u.Key)
	_, err = a.at([][]byte{idr}, 10800, 3*frame)
	require.NoError(t, err)
	u, err = a.at([][]byte{recovery, slice}, 14400, 4*frame)
	require.NoError(t, err)
	require.False(t, u.Key, "a stream with IDR pictures begins there")
	for _, cut := range [][]byte{{6}, {6, 6}, {6, 0xFF, 0xFF}, {6, 6, 9, 0x80}, {6, 6, 0}, {5, 6, 1, 0x80}} {
		require.False(t, recoveryPoint(cut), "%x", cut)
	}
}

// FuzzAssembler feeds access units cut from data: each byte group is
// length, time step in pictures, payload.
func FuzzAssembler(f *testing.F) {
	for _, nals := range [][][]byte{{sps1080, pps1, idr}, {slice}, {sei, slice}, {{6, 6, 1, 0xC4, 0x80}, slice}, {filler}, {{}}, {{0x67}}} {
		data := []byte{}
		for _, nal := range nals {
			data = append(append(data, byte(len(nal)), 1), nal...)
		}
		f.Add(data, true)
		f.Add(data, false)
	}
	f.Fuzz(func(t *testing.T, data []byte, avc bool) {
		a := &assembler{}
		codec := ingest.H265
		if avc {
			codec = ingest.H264
		}
		_ = a.session(codec, nil, sps1080, pps1)
		var last *ingest.Unit
		var raw int64
		var mono time.Duration
		var au [][]byte
		for len(data) >= 2 {
			n, step := min(int(data[0]), len(data)-2), int64(int8(data[1]))
			au = append(au, data[2:2+n])
			data = data[2+n:]
			if step == 0 {
				continue
			}
			raw += step * 3600 * step
			mono += time.Duration(step&7) * 40 * time.Millisecond
			u, err := a.at(au, raw, mono)
			au = nil
			if err != nil {
				continue
			}
			require.NotNil(t, u.Params)
			require.NotEmpty(t, u.NALs)
			require.GreaterOrEqual(t, u.PTS, u.DTS)
			if last == nil || last.Run != u.Run {
				require.True(t, u.Key)
			} else {
				require.Greater(t, u.DTS, last.DTS)
			}
			require.GreaterOrEqual(t, u.Uncertainty, latency)
			require.False(t, u.Captured.After(u.Received))
			last = u
		}
	})
}
