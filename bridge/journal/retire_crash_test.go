package journal

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

const retireDirEnv = "JOURNAL_RETIRE_DIR"

// retireChild appends a day's event after the other, checkpoints, retires what
// is older than 50 days and erases, for ever, and prints each key and place
// after its ticket. It dies at its point.
func retireChild(dir string) {
	at := newKiller()
	at.begins("open")
	check := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
	}
	j, err := Open(Options{Dir: dir, Source: testSource, Reserve: 16 << 20})
	check(err)
	go func() {
		for {
			day := epochStart().Add(time.Duration(j.Last()) * 24 * time.Hour)
			d := draft(fmt.Sprint(j.Last()), bridge.Lanes()[j.Last()%3])
			d.Recorded, d.Key = bridge.At(day), "key/"+d.ID
			at.begins("append")
			records, ticket, err := j.Append([]bridge.Draft{d})
			check(err)
			check(ticket.Wait(context.Background()))
			place := records[0].Place
			fmt.Println(d.Key, place)
			if place%20 != 0 {
				continue
			}
			at.begins("checkpoint")
			check(j.Checkpoint(place, []byte("state")))
			if place > 100 && j.LastSequence(bridge.Alarm) > 30 {
				at.begins("erase")
				_ = j.Erase(bridge.Alarm, j.LastSequence(bridge.Alarm)-15) // too new at times
			}
			r, ok, err := j.Retirable(day, Keep{MaxAge: 50 * 24 * time.Hour})
			check(err)
			if !ok {
				continue
			}
			said := map[bridge.Lane]uint64{}
			for _, one := range r.Ranges {
				d := draft(fmt.Sprint("retired", r.Through, one.Lane), bridge.Notice)
				d.Recorded = bridge.At(day)
				records, ticket, err := j.Append([]bridge.Draft{d})
				check(err)
				check(ticket.Wait(context.Background()))
				said[one.Lane] = records[0].Place
			}
			at.begins("retire")
			check(j.Retire(r, said))
		}
	}()
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent kills us or is gone
}

// Killed in retention, deleting, erasure, checkpoints and with blocks held
// back: what is kept is whole, the mark only rises, and nothing above it is
// missing.
func TestKilledWhileRetiring(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 2))
	for range 2 * soakFactor(t) {
		dir := t.TempDir()
		acknowledged := map[string]uint64{}
		low := uint64(0)
		for range killsADir {
			at := drawPoint(random, 4, "open", "append", "checkpoint", "erase", "retire", "retire")
			if at.kind == "append" {
				at.nth *= 30
			}
			for _, line := range runUntilKilled(t, retireDirEnv+"="+dir, at) {
				key, text, _ := strings.Cut(line, " ")
				place, err := strconv.ParseUint(text, 10, 64)
				require.NoError(t, err)
				acknowledged[key] = place
			}
			low = checkAfterRetiring(t, dir, at, low, acknowledged)
		}
		t.Log("acknowledged", len(acknowledged), "retired", low)
	}
}

// checkAfterRetiring returns where what is kept begins.
func checkAfterRetiring(t *testing.T, dir string, at point, low uint64, acknowledged map[string]uint64) uint64 {
	t.Helper()
	j, err := Open(Options{Dir: dir, Source: testSource})
	require.NoError(t, err, at)
	require.GreaterOrEqual(t, j.Low(), low, at)
	low = j.Low()
	seen, err := j.Verify(t.Context(), 0)
	require.NoError(t, err, at)
	require.Equal(t, j.Last()-low, seen.Records, at)
	for key, place := range acknowledged {
		record, ok, err := j.Find(key)
		require.NoError(t, err, at)
		if place > low {
			require.True(t, ok, "%s after %s", key, at)
			require.Equal(t, place, record.Place)
		}
	}
	place, _, err := j.Newest()
	require.NoError(t, err)
	require.GreaterOrEqual(t, place, low)
	require.NoError(t, j.Close())
	return low
}
