package journal

import (
	"fmt"
	"maps"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/watchpost-edge/watchpost/bridge"
)

const (
	crowd     = 8                      // events that are waited for together
	gatherFor = 300 * time.Microsecond // about a sync
)

// commitLoop is the only writer of the store. While it waits for one sync, all
// that is appended forms the next group: callers share syncs without a timer.
func (j *Journal) commitLoop() {
	defer close(j.finished)
	save := time.NewTicker(cursorSaveEvery)
	defer save.Stop()
	defer j.pause.Stop()
	for {
		select {
		case one := <-j.jobs:
			if !j.work(one) {
				return
			}
			j.pause.Reset(0)
		case <-j.pause.C:
			if !j.sweepSome() {
				return
			}
		case <-j.wake:
			if !j.commitForming() {
				return
			}
		case <-save.C:
			if !j.commit(nil) {
				return
			}
		case <-j.closing:
			if j.commitForming() {
				j.commit(nil)
			}
			return
		}
	}
}

// sweepSome sweeps a batch, unless the last was just now: appends go first.
func (j *Journal) sweepSome() bool {
	more, ok := true, true
	if time.Since(j.sweptAt) >= sweepPause {
		more, ok = j.sweep()
		j.sweptAt = time.Now()
	}
	if more {
		j.pause.Reset(sweepPause)
	}
	return ok
}

// commitForming commits groups until none waits; false after a failure.
func (j *Journal) commitForming() bool {
	for {
		if !j.sweepSome() {
			return false
		}
		j.gather()
		j.mu.Lock()
		if len(j.forming) == 0 {
			j.mu.Unlock()
			return true
		}
		g := j.forming[0]
		j.forming = j.forming[1:]
		j.mu.Unlock()
		if !j.commit(g) {
			return false
		}
	}
}

// spaceLoop watches the disk while nothing is appended: what fills it is
// somebody else.
func (j *Journal) spaceLoop() {
	defer close(j.watched)
	tick := time.NewTicker(spaceEvery)
	defer tick.Stop()
	level := LevelAll
	for {
		if now := j.Space(); now.Level != level {
			level = now.Level
			j.options.Logger.Warn("room for the journal", "level", level, "free", now.Free, "ballast", now.Ballast, "reserve", now.Reserve)
		}
		select {
		case <-j.closing:
			return
		case <-tick.C:
			j.space.watch()
		}
	}
}

// gather waits until a crowd is complete: as many as waited during the last
// sync, and those whom it woke, who are about to append again. Without it each
// round of them would need two syncs. It does not wait for a few, nor long for
// those who do not come back.
func (j *Journal) gather() {
	timer := time.NewTimer(gatherFor)
	defer timer.Stop()
	for {
		j.mu.Lock()
		complete := len(j.forming) == 0 || j.expected < crowd || j.complete()
		j.mu.Unlock()
		if complete {
			return
		}
		select {
		case <-j.wake:
		case <-timer.C:
			return
		}
	}
}

// complete reports whether the group that is next holds all that are expected.
// j.mu is held.
func (j *Journal) complete() bool {
	return len(j.forming) > 1 || len(j.forming[0].entries) >= j.expected
}

// commit writes and syncs a group, or nothing but moved cursors when g is nil.
// It reports false after a failure, which it has told to everybody.
func (j *Journal) commit(g *group) bool {
	if g != nil {
		j.space.settle()
	}
	j.mu.Lock()
	var dirty map[string]uint64
	if len(j.dirty) > 0 && !j.space.full() {
		dirty, j.dirty = j.dirty, map[string]uint64{}
	}
	j.mu.Unlock()
	if g == nil && len(dirty) == 0 {
		return true
	}
	if err := j.write(g, dirty); err != nil {
		j.fail(g, fmt.Errorf("write journal %s: %w", j.path, err))
		return false
	}
	j.committed.renew(j.db)
	if g == nil {
		return true
	}
	j.mu.Lock()
	j.synced = g.after
	for i := range g.entries {
		record := &g.entries[i].record
		// A later append may have taken the key over: that one is not synced.
		if last, ok := j.unsynced[record.Key]; ok && last.Place == record.Place {
			delete(j.unsynced, record.Key)
		}
	}
	j.expected = len(g.entries)
	if len(j.forming) > 0 {
		j.expected += len(j.forming[0].entries)
	}
	close(j.changed)
	j.changed = make(chan struct{})
	j.room.Broadcast()
	j.mu.Unlock()
	close(g.done)
	return true
}

// write is one transaction: events, index entries, heads, cursors.
func (j *Journal) write(g *group, cursors map[string]uint64) error {
	txn := j.db.NewTransaction(true)
	defer txn.Discard()
	if g != nil {
		if err := writeGroup(txn, g); err != nil {
			return err
		}
	}
	for key, position := range maps.All(cursors) {
		if err := txn.Set([]byte(key), placeValue(position)); err != nil {
			return err
		}
	}
	return txn.Commit()
}

func writeGroup(txn *badger.Txn, g *group) error {
	touched := map[bridge.Lane]bool{}
	for i := range g.entries {
		one := &g.entries[i]
		record := &one.record
		place := placeValue(record.Place)
		if err := txn.Set(eventKey(record.Place), one.prepared.Stored); err != nil {
			return err
		}
		if err := txn.Set(laneKey(record.Event.Lane, one.sequence), place); err != nil {
			return err
		}
		if record.Key != "" {
			if err := txn.Set(findKey(record.Key), place); err != nil {
				return err
			}
		}
		touched[record.Event.Lane] = true
	}
	for lane := range touched {
		if err := txn.Set(metaKey(metaHead+string(lane)), encodeHead(g.after.lane(lane))); err != nil {
			return err
		}
	}
	return nil
}

// fail refuses all further appends, tells everybody who waits, and ends the
// process through Fatal.
func (j *Journal) fail(g *group, err error) {
	j.mu.Lock()
	j.err = fmt.Errorf("%w: %w", ErrFailed, err)
	waiting := j.forming
	j.forming = nil
	j.room.Broadcast()
	j.mu.Unlock()
	if g != nil {
		waiting = append([]*group{g}, waiting...)
	}
	for _, one := range waiting {
		one.err = err
		close(one.done)
	}
	j.options.Logger.Error("journal failed to write", "err", err)
	j.options.Fatal(err)
}
