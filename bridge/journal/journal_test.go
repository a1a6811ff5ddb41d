package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

const testSource = "/stations/test/boxes/a"

func openTest(t testing.TB, dir string) *Journal {
	t.Helper()
	j, err := Open(Options{Dir: dir, Source: testSource})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	return j
}

func draft(id string, lane bridge.Lane) bridge.Draft {
	return bridge.Draft{ID: id, Type: "watchpost.test", Lane: lane, Severity: "P2", Time: bridge.At(time.Now()), Recorded: bridge.At(time.Now()), Data: json.RawMessage(`{"schema":1,"b":2,"a":"x"}`)}
}

func appendWait(t testing.TB, j *Journal, drafts ...bridge.Draft) []bridge.Record {
	t.Helper()
	records, ticket, err := j.Append(drafts)
	require.NoError(t, err)
	require.NoError(t, ticket.Wait(t.Context()))
	return records
}

func TestAppendedIsReadAsItWasGiven(t *testing.T) {
	j := openTest(t, t.TempDir())
	a := draft("1", bridge.Alarm)
	a.Key = "press/P-001/1"
	given := appendWait(t, j, a, draft("2", bridge.Notice), draft("3", bridge.Alarm))

	read, err := j.Read(0, 10)
	require.NoError(t, err)
	require.Equal(t, given, read)
	require.EqualValues(t, 3, j.Last())
	require.EqualValues(t, 2, j.LastSequence(bridge.Alarm))
	require.JSONEq(t, `{"a":"x","b":2,"schema":1}`, string(read[0].Event.Data))
	require.Equal(t, `{"a":"x","b":2,"schema":1}`, string(read[0].Event.Data), "canonical")
	require.Equal(t, bridge.ZeroHash, read[0].Event.PrevHash)
	require.Equal(t, read[0].Event.Hash(), read[2].Event.PrevHash)
	require.Equal(t, read[2].Event.Hash(), j.LastHash(bridge.Alarm))

	lane, err := j.ReadLane(bridge.Alarm, 1, 10)
	require.NoError(t, err)
	require.Equal(t, []bridge.Record{given[2]}, lane)

	found, ok, err := j.Find("press/P-001/1")
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, given[0], found)
	_, ok, err = j.Find("press/P-001/2")
	require.NoError(t, err)
	require.False(t, ok)
}

func TestReopenedContinues(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(Options{Dir: dir, Source: testSource})
	require.NoError(t, err)
	appendWait(t, j, draft("1", bridge.Alarm), draft("2", bridge.Local))
	require.NoError(t, j.SaveCursor("hq", bridge.Alarm, 1))
	require.NoError(t, j.Close())

	again := openTest(t, dir)
	require.Equal(t, j.Epoch(), again.Epoch())
	require.EqualValues(t, 2, again.Last())
	position, err := again.Cursor("hq", bridge.Alarm)
	require.NoError(t, err)
	require.EqualValues(t, 1, position)
	next := appendWait(t, again, draft("3", bridge.Alarm))
	require.EqualValues(t, 3, next[0].Place)
	require.Equal(t, bridge.SequenceText(2), next[0].Event.Sequence)
	seen, err := again.Verify(t.Context(), 0)
	require.NoError(t, err)
	require.EqualValues(t, 3, seen.Records)
}

func TestRefusalChangesNothing(t *testing.T) {
	j := openTest(t, t.TempDir())
	large := draft("1", bridge.Alarm)
	large.Data = json.RawMessage(`{"note":"` + strings.Repeat("x", bridge.EventMaxBytes) + `"}`)
	longKey := draft("1", bridge.Alarm)
	longKey.Key = strings.Repeat("k", keyBytesMax+1)
	noObject := draft("1", bridge.Alarm)
	noObject.Data = json.RawMessage(`[1]`)
	twice := draft("1", bridge.Alarm)
	twice.Data = json.RawMessage(`{"a":1,"a":2}`)
	old := draft("1", bridge.Alarm)
	old.Time = bridge.Stamp{Time: time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)}
	step := make([]bridge.Draft, 20)
	for i := range step {
		step[i] = draft(fmt.Sprint(i), bridge.Alarm)
		step[i].Data = json.RawMessage(`{"note":"` + strings.Repeat("x", 60<<10) + `"}`)
	}
	for name, c := range map[string]struct {
		drafts []bridge.Draft
		want   error
	}{
		"nothing":      {nil, ErrDraft},
		"large event":  {[]bridge.Draft{draft("0", bridge.Alarm), large}, ErrTooLarge},
		"large step":   {step, ErrTooLarge},
		"many":         {make([]bridge.Draft, stepEventsMax+1), ErrTooLarge},
		"long key":     {[]bridge.Draft{longKey}, ErrTooLarge},
		"unknown lane": {[]bridge.Draft{draft("1", "weather")}, ErrDraft},
		"no id":        {[]bridge.Draft{draft("", bridge.Alarm)}, ErrDraft},
		"no object":    {[]bridge.Draft{noObject}, ErrDraft},
		"name twice":   {[]bridge.Draft{twice}, ErrDraft},
		"year 12026":   {[]bridge.Draft{old}, ErrDraft},
	} {
		_, _, err := j.Append(c.drafts)
		require.ErrorIs(t, err, c.want, name)
	}
	first := appendWait(t, j, draft("1", bridge.Alarm))
	require.EqualValues(t, 1, first[0].Place)
	require.Equal(t, bridge.ZeroHash, first[0].Event.PrevHash)
}

func TestInvalidTextIsReplaced(t *testing.T) {
	j := openTest(t, t.TempDir())
	d := draft("1", bridge.Alarm)
	d.Subject = "pillars/\xff"
	d.Data = json.RawMessage("{\"a\":\"\xff<&>\"}")
	given := appendWait(t, j, d)
	read, err := j.Read(0, 1)
	require.NoError(t, err)
	require.Equal(t, given, read)
	require.Equal(t, "pillars/\uFFFD", read[0].Event.Subject)
	require.Equal(t, "{\"a\":\"\uFFFD<&>\"}", string(read[0].Event.Data))
	_, err = j.Verify(t.Context(), 0)
	require.NoError(t, err)
}

// Many callers with steps of many sizes: no holes, no step torn, one chain.
func TestPlacesAndSequencesHaveNoHoles(t *testing.T) {
	dir := t.TempDir()
	j := openTest(t, dir)
	lanes := bridge.Lanes()
	var group sync.WaitGroup
	for caller := range 16 {
		group.Go(func() {
			for i := range 30 {
				var step []bridge.Draft
				for n := range (caller+i)%7 + 1 {
					d := draft(fmt.Sprintf("%d-%d-%d", caller, i, n), lanes[(caller+i+n)%4])
					d.Key = "key/" + d.ID
					step = append(step, d)
				}
				records, ticket, err := j.Append(step)
				if err != nil {
					t.Error(err)
					return
				}
				for n := 1; n < len(records); n++ {
					if records[n].Place != records[n-1].Place+1 {
						t.Error("a step is torn")
					}
				}
				if _, ok, err := j.Find(step[0].Key); !ok || err != nil {
					t.Error("a pending key is not found", err)
				}
				if err := ticket.Wait(t.Context()); err != nil {
					t.Error(err)
				}
				if j.Last() < records[len(records)-1].Place {
					t.Error("a ticket came before its sync")
				}
			}
		})
	}
	group.Wait()
	seen, err := j.Verify(t.Context(), 0)
	require.NoError(t, err)
	require.EqualValues(t, j.Last(), seen.Records)
	var sum uint64
	for _, lane := range lanes {
		records, err := j.ReadLane(lane, 0, 1<<20)
		require.NoError(t, err)
		for i, record := range records {
			require.Equal(t, bridge.SequenceText(uint64(i+1)), record.Event.Sequence)
		}
		sum += uint64(len(records))
	}
	require.Equal(t, j.Last(), sum)
	middle, err := j.Verify(t.Context(), j.Last()/2)
	require.NoError(t, err)
	require.Equal(t, seen.Lanes, middle.Lanes)
	require.Empty(t, j.unsynced)
}

func TestChangedClosesAtTheNextSync(t *testing.T) {
	j := openTest(t, t.TempDir())
	changed := j.Changed()
	select {
	case <-changed:
		t.Fatal("nothing was appended")
	default:
	}
	appendWait(t, j, draft("1", bridge.Alarm))
	<-changed
}

func TestCursors(t *testing.T) {
	dir := t.TempDir()
	j := openTest(t, dir)
	require.Error(t, j.SaveCursor("hq", bridge.Alarm, 1), "beyond the end")
	require.Error(t, j.SaveCursor("", bridge.Alarm, 0))
	require.Error(t, j.SaveCursor("a\x00b", bridge.Alarm, 0))
	require.Error(t, j.SaveCursor("hq", "weather", 0))
	appendWait(t, j, draft("1", bridge.Alarm), draft("2", bridge.Alarm))
	require.NoError(t, j.SaveCursor("hq", bridge.Alarm, 2))
	require.NoError(t, j.SaveCursor("hq", "", 1))
	require.NoError(t, j.SaveCursor("hq2", bridge.Alarm, 1))
	// On disk without a Close, soon.
	require.Eventually(t, func() bool {
		saved := 0
		_ = j.db.View(func(txn *badger.Txn) error {
			for name, lane := range map[string]bridge.Lane{"hq": bridge.Alarm, "hq2": bridge.Alarm} {
				if _, err := getValue(txn, cursorKey(name, lane)); err == nil {
					saved++
				}
			}
			return nil
		})
		return saved == 2
	}, time.Minute, 10*time.Millisecond)
	position, err := j.Cursor("hq", bridge.Alarm)
	require.NoError(t, err)
	require.EqualValues(t, 2, position)
	position, err = j.Cursor("hq", "")
	require.NoError(t, err)
	require.EqualValues(t, 1, position)
	position, err = j.Cursor("other", bridge.Clip)
	require.NoError(t, err)
	require.Zero(t, position)
}

func TestClosedRefuses(t *testing.T) {
	j, err := Open(Options{Dir: t.TempDir(), Source: testSource})
	require.NoError(t, err)
	_, ticket, err := j.Append([]bridge.Draft{draft("1", bridge.Alarm)})
	require.NoError(t, err)
	require.NoError(t, j.Close())
	require.NoError(t, j.Close())
	require.NoError(t, ticket.Wait(t.Context()), "what was on its way is durable")
	_, _, err = j.Append([]bridge.Draft{draft("2", bridge.Alarm)})
	require.ErrorIs(t, err, ErrClosed)
	_, err = j.Read(0, 1)
	require.ErrorIs(t, err, ErrClosed)
	_, _, err = j.Find("key")
	require.ErrorIs(t, err, ErrClosed)
}

func TestFailedWriteEndsEverything(t *testing.T) {
	fatal := make(chan error, 1)
	j, err := Open(Options{Dir: t.TempDir(), Source: testSource, Fatal: func(err error) { fatal <- err }})
	require.NoError(t, err)
	appendWait(t, j, draft("1", bridge.Alarm))
	require.NoError(t, j.db.Close()) // the store refuses from here on
	_, ticket, err := j.Append([]bridge.Draft{draft("2", bridge.Alarm)})
	require.NoError(t, err)
	err = ticket.Wait(t.Context())
	require.Error(t, err)
	require.ErrorContains(t, err, j.Path())
	require.Equal(t, err, <-fatal)
	_, _, err = j.Append([]bridge.Draft{draft("3", bridge.Alarm)})
	require.ErrorIs(t, err, ErrFailed)
	require.EqualValues(t, 1, j.Last(), "readers see synced only")
	<-j.finished
	j.lock.release()
}

func TestWaitEndsWithItsContext(t *testing.T) {
	g := &group{done: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, g.Wait(ctx), context.Canceled)
	close(g.done)
	require.NoError(t, g.Wait(ctx))
}

func TestOpenNamesWhatHinders(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(Options{Source: testSource})
	require.Error(t, err)
	j := openTest(t, dir)
	_, err = Open(Options{Dir: dir, Source: testSource})
	require.ErrorIs(t, err, ErrHeld)
	require.ErrorContains(t, err, dir)
	require.ErrorContains(t, err, fmt.Sprint(os.Getpid()))
	_, err = OpenReadOnly(dir, nil)
	require.ErrorIs(t, err, ErrHeld)
	require.NoError(t, j.Close())

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = Open(Options{Dir: file, Source: testSource})
	require.ErrorContains(t, err, file)
	_, err = OpenReadOnly(filepath.Join(t.TempDir(), "absent"), nil)
	require.ErrorContains(t, err, "absent")
}

func TestOpenReadOnlyReads(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(Options{Dir: dir, Source: testSource})
	require.NoError(t, err)
	appendWait(t, j, draft("1", bridge.Alarm))
	require.NoError(t, j.Close())
	for range 2 {
		r, err := OpenReadOnly(dir, nil)
		require.NoError(t, err)
		records, err := r.Read(0, 10)
		require.NoError(t, err)
		require.Len(t, records, 1)
		_, err = r.Verify(t.Context(), 0)
		require.NoError(t, err)
		_, _, err = r.Append([]bridge.Draft{draft("2", bridge.Alarm)})
		require.ErrorIs(t, err, ErrReadOnly)
		require.ErrorIs(t, r.SaveCursor("hq", bridge.Alarm, 1), ErrReadOnly)
		require.NoError(t, r.Close())
	}
}

func TestUnfinishedEpochIsRemoved(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, newPrefix+"01JD0000000000000000000000")
	require.NoError(t, os.MkdirAll(left, 0o750))
	j := openTest(t, dir)
	require.NoDirExists(t, left)
	require.NotEmpty(t, j.Epoch())
}

// What a wrong byte on the disk would do, written through the store itself.
func TestDamageIsNamed(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(Options{Dir: dir, Source: testSource})
	require.NoError(t, err)
	for i := range 5 {
		d := draft(fmt.Sprint(i), bridge.Alarm)
		d.Key = "key/" + d.ID
		appendWait(t, j, d)
	}
	get := func(key []byte) []byte {
		var value []byte
		require.NoError(t, j.db.View(func(txn *badger.Txn) (err error) { value, err = getValue(txn, key); return err }))
		return value
	}
	set := func(key, value []byte) {
		require.NoError(t, j.db.Update(func(txn *badger.Txn) error {
			if value == nil {
				return txn.Delete(key)
			}
			return txn.Set(key, value)
		}))
		j.committed.renew(j.db)
	}
	for name, c := range map[string]struct {
		key   []byte
		value []byte
	}{
		"data changed":     {eventKey(3), []byte(strings.Replace(string(get(eventKey(3))), `"b":2`, `"b":3`, 1))},
		"severity changed": {eventKey(3), []byte(strings.Replace(string(get(eventKey(3))), `"P2"`, `"P3"`, 1))},
		"record torn":      {eventKey(3), get(eventKey(3))[:50]},
		"event gone":       {eventKey(3), nil},
		"index gone":       {laneKey(bridge.Alarm, 3), nil},
		"index wrong":      {laneKey(bridge.Alarm, 3), placeValue(4)},
		"key gone":         {findKey("key/2"), nil},
		"last event gone":  {eventKey(5), nil},
		"event too many":   {eventKey(6), get(eventKey(5))},
	} {
		before := []byte(nil)
		if name != "event too many" {
			before = get(c.key)
		}
		set(c.key, c.value)
		err := j.checkTail()
		var damaged *DamagedError
		require.ErrorAs(t, err, &damaged, name)
		require.Equal(t, j.Path(), damaged.Path)
		set(c.key, before)
	}
	set(eventKey(3), nil)
	require.NoError(t, j.Close())
	_, err = Open(Options{Dir: dir, Source: testSource})
	var damaged *DamagedError
	require.ErrorAs(t, err, &damaged)
	_, err = Open(Options{Dir: dir, Source: testSource})
	require.ErrorAs(t, err, &damaged, "the lock was given back")
}
