package desk

import (
	"errors"
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Acts that need a second person: one lead asks, another approves, and who
// asked takes what was granted, once. All of it is in lane local, so that a
// restart forgets neither a request nor that a grant was taken.

// Events of approvals; the data is AccessFact with Approval.
const (
	TypeRequested = accessPrefix + "requested"
	TypeApproved  = accessPrefix + "approved"
	TypeWithdrawn = accessPrefix + "withdrawn" // taken back, refused, or could not be done
	TypeExpired   = accessPrefix + "expired"
	TypeUnmasked  = accessPrefix + "unmasked" // a grant was taken
)

// Limits of approvals.
const (
	approvalWithin = 10 * time.Minute // to approve, and then to take what was granted
	approvalsMax   = 100              // that wait or are granted
	approvalsEnded = 50               // remembered, for who asked to see what became of it
)

// ApprovalState is where a request stands.
type ApprovalState string

// States of approvals. The first two are alive; done is a grant that was taken
// or an act that was carried out.
const (
	ApprovalWaits     ApprovalState = "waiting"
	ApprovalGranted   ApprovalState = "granted"
	ApprovalDone      ApprovalState = "done"
	ApprovalRefused   ApprovalState = "refused"
	ApprovalWithdrawn ApprovalState = "withdrawn"
	ApprovalFailed    ApprovalState = "failed"
	ApprovalExpired   ApprovalState = "expired"
)

func (s ApprovalState) lives() bool { return s == ApprovalWaits || s == ApprovalGranted }

// Approval is a request of one lead that waits for another one, or what became
// of it.
type Approval struct {
	ID      string        `json:"id"`
	Act     string        `json:"act"`
	Subject string        `json:"subject"`
	Reason  string        `json:"reason"`
	By      string        `json:"by"`
	Second  string        `json:"second"` // empty while nobody has decided; who approved or refused
	State   ApprovalState `json:"state"`
	At      bridge.Stamp  `json:"at"`         // asked for
	Expires bridge.Stamp  `json:"expires_at"` // when it is over
}

// Errors of ApprovalIn.
var (
	ErrApproval     = errors.New("no such request waits: it was decided, withdrawn or is older than 10 minutes")
	ErrSamePerson   = errors.New("the second person is another one than the first")
	ErrApprovalsMax = errors.New("too many requests wait for a second person")
)

// Verbs of ApprovalIn.
const (
	ApprovalRequest  = "request"
	ApprovalApprove  = "approve"
	ApprovalWithdraw = "withdraw" // by who asked; by another lead it is a refusal
	ApprovalTake     = "take"
)

// ApprovalIn is one person's word about an act that needs two.
type ApprovalIn struct {
	Verb         string
	Approval     string // id; not with request
	Act, Subject string // request; take: what is taken must be what was granted
	Reason       string // request: why
	Grant        bool   // approve: who asked takes it later; else the caller carries it out now
	Failed       string // withdraw: why it cannot be done, whoever agreed
	Camera       string // take: whose pictures
	Remote       string
	By           Actor
	Idempotency  string
}

func (in ApprovalIn) decide(t *step, hit *bridge.Record) error { return t.approval(in, hit) }

func (in ApprovalIn) keys() []string { return idemKeys(in.By, in.Idempotency) }

// Approvals are those that wait or are granted, then those that ended lately,
// each oldest first. The list may be kept.
func (s *State) Approvals() []Approval { return s.k.Approvals }

func (s *State) approval(id string) (Approval, bool) {
	i := slices.IndexFunc(s.k.Approvals, func(a Approval) bool { return a.ID == id })
	if i < 0 {
		return Approval{}, false
	}
	return s.k.Approvals[i], true
}

func (t *step) approval(in ApprovalIn, hit *bridge.Record) error {
	if !slices.Contains(leads(), in.By.Role) {
		return &ForbiddenError{in.Verb, in.By.Role, leads()}
	}
	if err := texts("act", in.Act, "subject", in.Subject, "reason", in.Reason, "by", in.By.Name, "idempotency_key", in.Idempotency); err != nil {
		return err
	}
	if hit != nil {
		return t.approvedBefore(in, hit)
	}
	if in.Verb == ApprovalRequest {
		return t.requestApproval(in)
	}
	a, known := t.s.approval(in.Approval)
	alive := known && a.State.lives() && t.now.Before(a.Expires.Time)
	switch in.Verb {
	case ApprovalApprove:
		if !alive || a.State != ApprovalWaits {
			return ErrApproval
		}
		if a.By == in.By.Name {
			return ErrSamePerson
		}
		a.Second, a.Expires, a.State = in.By.Name, bridge.At(t.now.Add(approvalWithin)), ApprovalGranted
		if !in.Grant {
			a.State = ApprovalDone
		}
		t.approved(TypeApproved, a, in, "")
	case ApprovalWithdraw:
		return t.withdraw(a, alive && a.State == ApprovalWaits, in)
	case ApprovalTake:
		if !alive || a.State != ApprovalGranted || a.Act != in.Act || a.Subject != in.Subject || a.By != in.By.Name {
			return ErrApproval
		}
		a.State = ApprovalDone
		t.approved(TypeUnmasked, a, in, "")
	default:
		return &InvalidError{"verb", in.Verb, "request, approve, withdraw, take"}
	}
	return nil
}

// approvedBefore answers a word that was given before with what became of its
// request since.
func (t *step) approvedBefore(in ApprovalIn, hit *bridge.Record) error {
	types := map[string]string{
		ApprovalRequest: TypeRequested, ApprovalApprove: TypeApproved, ApprovalWithdraw: TypeWithdrawn, ApprovalTake: TypeUnmasked,
	}
	fact, err := decode[AccessFact](&hit.Event)
	if err != nil || fact == nil || fact.Approval == nil || hit.Event.Type != types[in.Verb] {
		return usedKey(in.Idempotency)
	}
	a := *fact.Approval
	if same := a.ID == in.Approval || in.Verb == ApprovalRequest && a.Act == in.Act && a.Subject == in.Subject; !same {
		return usedKey(in.Idempotency)
	}
	if now, known := t.s.approval(a.ID); known {
		a = now
	}
	t.answer.Approval, t.answer.Duplicate = &a, true
	return nil
}

// requestApproval asks; the same request of the same lead, while it waits, is
// the one that was made before.
func (t *step) requestApproval(in ApprovalIn) error {
	if in.Act == "" || in.Subject == "" || in.Reason == "" {
		return &InvalidError{"reason", in.Reason, "act, subject and why"}
	}
	living := 0
	for _, a := range t.s.k.Approvals {
		if !a.State.lives() || !t.now.Before(a.Expires.Time) {
			continue
		}
		living++
		if a.State == ApprovalWaits && a.Act == in.Act && a.Subject == in.Subject && a.By == in.By.Name {
			t.answer.Approval, t.answer.Duplicate = &a, true
			return nil
		}
	}
	if living >= approvalsMax {
		return ErrApprovalsMax
	}
	t.approved(TypeRequested, Approval{
		ID: t.id(), Act: in.Act, Subject: in.Subject, Reason: in.Reason, By: in.By.Name, State: ApprovalWaits,
		At: t.now, Expires: bridge.At(t.now.Add(approvalWithin)),
	}, in, "")
	return nil
}

// withdraw ends a request that waits. What was approved and could not be done
// ends so too.
func (t *step) withdraw(a Approval, waits bool, in ApprovalIn) error {
	switch {
	case in.Failed != "" && (waits || a.State == ApprovalDone):
		a.State = ApprovalFailed
	case !waits:
		return ErrApproval
	case a.By == in.By.Name:
		a.State = ApprovalWithdrawn
	default:
		a.State, a.Second = ApprovalRefused, in.By.Name
	}
	t.approved(TypeWithdrawn, a, in, in.Failed)
	return nil
}

// approved writes one event of an approval.
func (t *step) approved(typ string, a Approval, in ApprovalIn, failed string) {
	why := a.about()
	if failed != "" {
		why = "could not be done: " + cut(failed[:min(len(failed), 200)]) + ": " + why
	}
	t.answer.Approval = &a
	t.add(bridge.Draft{Type: typ, Subject: "users/" + cut(in.By.Name), Lane: bridge.Local, Key: idemKey(in.By, in.Idempotency)}, AccessFact{
		Schema: schema, By: cut(in.By.Name), Role: in.By.Role, Camera: cut(in.Camera), From: t.now, Remote: cut(in.Remote), Why: cut(why), Approval: &a,
	})
}

// about is how an approval reads in lane local.
func (a *Approval) about() string {
	text := a.Act + " " + a.Subject + ": " + a.Reason + " (" + a.ID + ")"
	switch {
	case a.State == ApprovalRefused:
		text = "asked by " + a.By + ", refused by " + a.Second + ": " + text
	case a.Second != "":
		text = "asked by " + a.By + ", approved by " + a.Second + ": " + text
	}
	return text
}

// expireApprovals ends what nobody decided about, or took, in time.
func (t *step) expireApprovals() {
	for _, a := range t.s.k.Approvals {
		if a.State.lives() && !t.now.Before(a.Expires.Time) && !t.full() {
			a.State = ApprovalExpired
			t.approved(TypeExpired, a, ApprovalIn{By: Actor{Name: "box"}}, "")
		}
	}
}

// approvalDeadline is when the next one is over; zero: never.
func (k *kept) approvalDeadline() (next bridge.Stamp) {
	for _, a := range k.Approvals {
		if a.State.lives() && (next.IsZero() || a.Expires.Before(next.Time)) {
			next = a.Expires
		}
	}
	return next
}

// approvalChanged folds an event of an approval; those of older releases have
// words only. The list is made anew with every change.
func (s *State) approvalChanged(_ *bridge.Event, data *AccessFact) {
	if data.Approval == nil {
		return
	}
	others := slices.DeleteFunc(slices.Clone(s.k.Approvals), func(a Approval) bool { return a.ID == data.Approval.ID })
	var alive, ended []Approval
	for _, a := range append(others, *data.Approval) {
		if a.State.lives() {
			alive = append(alive, a)
		} else {
			ended = append(ended, a)
		}
	}
	s.k.Approvals = append(alive, ended[max(0, len(ended)-approvalsEnded):]...)
}
