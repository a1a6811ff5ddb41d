package journal

import (
	"sync"

	"github.com/dgraph-io/badger/v4"
)

// snapshot is the store as of its newest commit, shared by all readers. badger
// makes a new read wait for the commit that is under way, and that is a sync:
// the desk looks keys up under its lock, so each press would cost a sync of its
// own. What was committed before needs no waiting, and what is under way is not
// there for readers yet.
//
// A read-only transaction of badger 4.9 keeps no state of its reads: many may
// use it at once, as long as nobody discards it meanwhile.
type snapshot struct {
	mu  sync.Mutex
	now *shared
}

type shared struct {
	txn   *badger.Txn
	users int // the snapshot itself among them
}

// renew is called after each commit by who committed, and at the start: then
// no commit is under way.
func (s *snapshot) renew(db *badger.DB) {
	next := &shared{txn: db.NewTransaction(false), users: 1}
	s.mu.Lock()
	last := s.now
	s.now = next
	s.mu.Unlock()
	s.leave(last)
}

func (s *snapshot) take() *shared {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.users++
	return s.now
}

func (s *snapshot) leave(one *shared) {
	if one == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if one.users--; one.users == 0 {
		one.txn.Discard()
	}
}

// end lets the store close. Nobody reads any more.
func (s *snapshot) end() {
	s.leave(s.now)
	s.now = nil
}
