package access

import (
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"time"
)

// Limits of acts that need a second person.
const (
	approvalWithin = 10 * time.Minute // to approve, and then to take what was granted
	approvalsMax   = 100              // waiting at a time
)

// Errors of Approvals.
var (
	ErrApproval     = errors.New("no such request waits: it was decided, withdrawn or is older than 10 minutes")
	ErrSamePerson   = errors.New("the second person is another one than the first")
	ErrApprovalsMax = errors.New("too many requests wait for a second person")
)

// Approval is a request of one lead that waits for another one, or that has
// found him.
type Approval struct {
	ID, Act, Subject, Reason string
	By, Second               string    // Second is empty while it waits
	At, Expires              time.Time // when it was asked for; when it is over
}

// Approvals are the acts that wait for a second person, and those granted and
// not yet taken. They live in memory: a restart forgets them, and so they end
// at the latest when they would have ended anyway. What was asked, approved
// and done is in the journal.
type Approvals struct {
	now func() time.Time

	mu  sync.Mutex
	all map[string]*Approval
}

// NewApprovals returns none. now is the clock (nil: time.Now).
func NewApprovals(now func() time.Time) *Approvals {
	if now == nil {
		now = time.Now
	}
	return &Approvals{now: now, all: make(map[string]*Approval)}
}

// Request asks for a second person. The same request of the same lead, while
// it waits, is the one that was made before.
func (a *Approvals) Request(act, subject, reason, by string) (Approval, bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	a.drop(now)
	for _, one := range a.all {
		if one.Act == act && one.Subject == subject && one.By == by && one.Second == "" {
			return *one, false, nil
		}
	}
	if len(a.all) >= approvalsMax {
		return Approval{}, false, ErrApprovalsMax
	}
	made := &Approval{ID: rand.Text(), Act: act, Subject: subject, Reason: reason, By: by, At: now, Expires: now.Add(approvalWithin)}
	a.all[made.ID] = made
	return *made, true, nil
}

// List returns what waits or is granted, oldest first.
func (a *Approvals) List() []Approval {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drop(a.now())
	list := make([]Approval, 0, len(a.all))
	for _, one := range a.all {
		list = append(list, *one)
	}
	slices.SortFunc(list, func(x, y Approval) int { return x.At.Compare(y.At) })
	return list
}

// Approve is the second person's word, once: whoever comes after him finds
// ErrApproval. What he approved may be taken for another 10 minutes.
func (a *Approvals) Approve(id, second string) (Approval, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	a.drop(now)
	one := a.all[id]
	switch {
	case one == nil || one.Second != "":
		return Approval{}, ErrApproval
	case one.By == second:
		return Approval{}, ErrSamePerson
	}
	one.Second, one.Expires = second, now.Add(approvalWithin)
	return *one, nil
}

// Take takes what was approved: once, and only by who asked for it.
func (a *Approvals) Take(id, act, subject, by string) (Approval, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drop(a.now())
	one := a.all[id]
	if one == nil || one.Second == "" || one.Act != act || one.Subject != subject || one.By != by {
		return Approval{}, ErrApproval
	}
	delete(a.all, id)
	return *one, nil
}

// Withdraw ends a request that waits: by who asked, or by who refuses it.
func (a *Approvals) Withdraw(id string) (Approval, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drop(a.now())
	one := a.all[id]
	if one == nil || one.Second != "" {
		return Approval{}, ErrApproval
	}
	delete(a.all, id)
	return *one, nil
}

func (a *Approvals) drop(now time.Time) {
	for id, one := range a.all {
		if !now.Before(one.Expires) {
			delete(a.all, id)
		}
	}
}
