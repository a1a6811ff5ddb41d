package journal

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

// aside makes a journal of 700 events of three lanes, saves a cursor, damages
// its middle and opens it again.
func aside(t *testing.T, dir string, options Options) *Journal {
	t.Helper()
	options.Dir, options.Source, options.SetAside = dir, testSource, true
	var path string
	for stretch := range 3 {
		j, err := Open(options)
		require.NoError(t, err)
		dated(t, j, []int{100, 500, 100}[stretch])
		require.NoError(t, j.SaveCursor("hq", bridge.Alarm, uint64(10+stretch)))
		require.NoError(t, j.Close())
		path = j.Path()
	}
	damageFile(t, filepath.Join(path, "*.sst"), func(b []byte) []byte { clear(b[len(b)/3 : len(b)/2]); return b })
	j, err := Open(options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	require.NotEqual(t, path, j.Path())
	return j
}

// What can be read of an older epoch comes in order, what cannot be read is
// said, cursors go on where they were and last.
func TestOlder(t *testing.T) {
	public, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	dir := t.TempDir()
	j := aside(t, dir, Options{Sign: func(b []byte) []byte { return ed25519.Sign(key, b) }})
	open := func() *Older {
		t.Helper()
		all, err := j.Older(t.Context(), nil)
		require.NoError(t, err)
		require.Len(t, all, 1)
		return all[0]
	}
	o := open()
	cursor, err := o.Cursor("hq", bridge.Alarm)
	require.NoError(t, err)
	require.EqualValues(t, 12, cursor)
	require.Zero(t, o.LastSequence(bridge.Local))

	read, gone := 0, 0
	for _, lane := range []bridge.Lane{bridge.Alarm, bridge.Notice, bridge.Clip} {
		hash := bridge.ZeroHash
		for after := uint64(0); after < o.LastSequence(lane); {
			records, err := o.ReadLane(lane, after, 7)
			var hole *bridge.RetiredError
			if errors.As(err, &hole) {
				record, err := o.Gone(lane, hole.Through)
				require.NoError(t, err)
				require.NoError(t, CheckData(&record.Event))
				again, err := o.Gone(lane, hole.Through)
				require.NoError(t, err)
				require.Equal(t, record.Event.ID, again.Event.ID)
				var data struct {
					Lane            bridge.Lane
					From, To        uint64
					Hash, Signature string
				}
				require.NoError(t, json.Unmarshal(record.Event.Data, &data))
				var signature []byte
				require.NoError(t, json.Unmarshal(fmt.Appendf(nil, "%q", data.Signature), &signature))
				require.True(t, ed25519.Verify(public, RetiredText(o.Epoch(), RetiredRange{Lane: lane, From: data.From, To: data.To, Hash: data.Hash}), signature))
				gone += int(hole.Through - after)
				after, hash = hole.Through, data.Hash
				continue
			}
			require.NoError(t, err)
			require.NotEmpty(t, records)
			for _, r := range records {
				require.Equal(t, bridge.SequenceText(after+1), r.Event.Sequence)
				require.Equal(t, hash, r.Event.PrevHash)
				after, hash = after+1, r.Event.Hash()
				read++
			}
		}
	}
	t.Logf("%d events read, %d gone", read, gone)
	require.Positive(t, gone)
	require.Greater(t, read, 400)
	require.Equal(t, 700, read+gone)

	require.NoError(t, o.SaveCursor("hq", bridge.Alarm, 50))
	require.NoError(t, o.SaveCursor("hq", bridge.Alarm, 60))
	require.NoError(t, o.Close())
	o = open()
	cursor, err = o.Cursor("hq", bridge.Alarm)
	require.NoError(t, err)
	require.EqualValues(t, 60, cursor)
	require.NoError(t, o.Close())

	// The folder is moved away: what was made of it goes too.
	require.NoError(t, os.Rename(o.From(), filepath.Join(t.TempDir(), "moved")))
	all, err := j.Older(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, all)
	left, err := filepath.Glob(filepath.Join(dir, olderPrefix+"*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// What all uplinks of a lane have had of an older epoch is not copied; an
// uplink that is configured no more is waited for like the others.
func TestOlderIsWhatUplinksLack(t *testing.T) {
	for _, row := range []struct {
		what     string
		uplinks  map[bridge.Lane][]string
		from, of uint64 // the first alarm that is copied, and how many
	}{
		{"all have most", map[bridge.Lane][]string{bridge.Alarm: {"hq"}}, 31, 10},
		{"one has nothing", map[bridge.Lane][]string{bridge.Alarm: {"hq", "city"}}, 1, 40},
		{"none is configured", map[bridge.Lane][]string{}, 31, 10},
		{"not said", nil, 1, 40},
	} {
		t.Run(row.what, func(t *testing.T) {
			dir := t.TempDir()
			written(t, dir)
			j := openTest(t, dir)
			require.NoError(t, j.SaveCursor("hq", bridge.Alarm, 30))
			require.NoError(t, j.SaveCursor("hq/now", bridge.Alarm, 2))
			require.NoError(t, j.Close())
			_, err := Restored(Options{Dir: dir, Source: testSource})
			require.NoError(t, err)
			j = openTest(t, dir)
			all, err := j.Older(t.Context(), row.uplinks)
			require.NoError(t, err)
			require.Len(t, all, 1)
			defer func() { require.NoError(t, all[0].Close()) }()
			require.EqualValues(t, 40, all[0].LastSequence(bridge.Alarm))
			records, err := all[0].ReadLane(bridge.Alarm, row.from-1, 100)
			require.NoError(t, err)
			require.Len(t, records, int(row.of))
			if row.from > 1 {
				_, err = all[0].ReadLane(bridge.Alarm, 0, 100)
				var hole *bridge.RetiredError
				require.ErrorAs(t, err, &hole, "an uplink that came later is told so")
				require.Equal(t, row.from-1, hole.Through)
			}
			require.EqualValues(t, 10, all[0].Waiting("hq", []bridge.Lane{bridge.Alarm}))
		})
	}
}

// After a restore the numbers begin anew, with the room as the copy had it.
func TestRestored(t *testing.T) {
	dir := t.TempDir()
	before := written(t, dir)
	options := Options{Dir: dir, Source: testSource}
	held, err := Open(options)
	require.NoError(t, err)
	_, err = Restored(options)
	require.ErrorIs(t, err, ErrHeld)
	require.NoError(t, held.Close())

	epoch, err := Restored(options)
	require.NoError(t, err)
	j := openTest(t, dir)
	require.Equal(t, epoch, j.Epoch())
	require.Zero(t, j.Last())
	state, err := j.Carried()
	require.NoError(t, err)
	require.Equal(t, "state at 10", string(state))
	all, err := j.Older(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, before, all[0].Epoch())
	require.EqualValues(t, 40, all[0].LastSequence(bridge.Alarm))
	require.NoError(t, all[0].Close())
}

func FuzzSpool(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02{}"))
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x01\xff\xff\xff\xff{}"))
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x09{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "spool")
		require.NoError(t, os.WriteFile(path, b, 0o600))
		s, err := openSpool(path)
		if err != nil {
			return
		}
		defer s.file.Close()
		if len(s.marks) > 0 {
			_, _ = s.read(0, 10)
		}
	})
}
