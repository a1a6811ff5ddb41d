package desk

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gowebpki/jcs"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Shift handover (交接班): the desk writes down how the room stands, who leaves
// signs it, and who comes signs the same page. What both signed is named by the
// SHA-256 of the page's canonical JSON (RFC 8785), which anybody can make again.
const (
	TypeShiftOffered    = "watchpost.shift.offered"     // notice: signed by who leaves
	TypeShiftOverdue    = "watchpost.shift.overdue"     // notice: nobody took it in time
	TypeShiftWithdrawn  = "watchpost.shift.withdrawn"   // notice: who left stays, or a lead says that it does not count
	TypeShiftHandedOver = "watchpost.shift.handed_over" // notice: signed by both
)

const (
	handoversKept    = 30         // lines of former ones in the state; older ones are in the journal
	handoverPageMax  = 24 << 10   // bytes of a page: the event that both signed holds it whole
	handoverNoteMax  = 4 << 10    // bytes
	handoverClaimMax = 200        // incidents that go to the successor with one handover
	reasonHandover   = "handover" // of a claim that was passed on
)

// Signature is one person under a handover.
type Signature struct {
	Name string       `json:"name"`
	Role string       `json:"role"`
	At   bridge.Stamp `json:"at"`
}

// Handover is one that waits for whoever comes.
type Handover struct {
	ID       string       `json:"id"`
	Outgoing Signature    `json:"outgoing"`
	Limit    bridge.Stamp `json:"limit"`   // past it the lead is told
	Overdue  bool         `json:"overdue"` // and was
	Previous string       `json:"previous,omitempty"`
	SHA256   string       `json:"sha256"` // of the page, hex
	Page     HandoverPage `json:"page"`
}

// HandoverDone is a former one: what the list shows.
type HandoverDone struct {
	ID       string         `json:"id"`
	Outgoing Signature      `json:"outgoing"`
	Incoming Signature      `json:"incoming"`
	Note     string         `json:"note"`
	Counts   HandoverCounts `json:"counts"`
	SHA256   string         `json:"sha256"`
	Previous string         `json:"previous,omitempty"`
}

// ShiftOffered is the data of shift.offered.
type ShiftOffered struct {
	Schema int `json:"schema"`
	Handover
	Replaces string `json:"replaces,omitempty"` // an offer that nobody took
	Config   string `json:"config"`
}

// ShiftOverdue is the data of shift.overdue.
type ShiftOverdue struct {
	Schema   int          `json:"schema"`
	Handover string       `json:"handover"`
	By       string       `json:"by"` // who leaves
	Since    bridge.Stamp `json:"since"`
	Limit    bridge.Stamp `json:"limit"`
}

// ShiftWithdrawn is the data of shift.withdrawn.
type ShiftWithdrawn struct {
	Schema   int       `json:"schema"`
	Handover string    `json:"handover"`
	Outgoing Signature `json:"outgoing"` // whose offer it was
	By       string    `json:"by"`
	Role     string    `json:"role"`
	Reason   string    `json:"reason"`
}

// ShiftHandedOver is the data of shift.handed_over.
type ShiftHandedOver struct {
	Schema int `json:"schema"`
	HandoverDone
	Passed    []string     `json:"passed"` // incidents whose claim went to the successor
	Incidents []string     `json:"incidents"`
	Tasks     []string     `json:"tasks"`
	Page      HandoverPage `json:"page"`
}

// HandoverIn is the outgoing's signature under the room as it stands now. It
// takes the place of an offer of his own; a lead replaces anybody's.
type HandoverIn struct {
	Note        string
	PassClaims  bool             // what he has claimed goes to whoever takes it
	Uplinks     []HandoverUplink // how far headquarters is: what the desk cannot know
	By          Actor
	Idempotency string
}

// TakeOverIn is the incoming's signature under the page that he has read.
type TakeOverIn struct {
	Handover string
	SHA256   string // of that page
	By       Actor
}

// WithdrawHandoverIn takes an offer back that nobody has taken: by who made it,
// or by a lead.
type WithdrawHandoverIn struct {
	Handover    string
	Reason      string
	By          Actor
	Idempotency string
}

func (in HandoverIn) decide(t *step, hit *bridge.Record) error { return t.offer(in, hit) }
func (in TakeOverIn) decide(t *step, hit *bridge.Record) error { return t.takeOver(in, hit) }
func (in WithdrawHandoverIn) decide(t *step, hit *bridge.Record) error {
	return t.withdrawOffer(in, hit)
}

func (in HandoverIn) keys() []string         { return idemKeys(in.By, in.Idempotency) }
func (in TakeOverIn) keys() []string         { return []string{HandoverKey(in.Handover)} }
func (in WithdrawHandoverIn) keys() []string { return idemKeys(in.By, in.Idempotency) }

// HandoverKey is the name under which a handover that was taken stands in the
// journal.
func HandoverKey(id string) string { return "handover/" + id }

// Handover is the one that waits, or nil.
func (s *State) Handover() *Handover { return s.k.Handover }

// Handovers are the former ones, oldest first. The list may be kept.
func (s *State) Handovers() []HandoverDone { return s.k.Handovers }

// Digest is the SHA-256, in hex, of the page's canonical JSON.
func (p *HandoverPage) Digest() (string, error) {
	raw, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("write handover page: %w", err)
	}
	canonical, err := jcs.Transform(raw)
	if err != nil {
		return "", fmt.Errorf("write handover page: %w", err)
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), nil
}

// handoverDeadline is when the lead is told that nobody takes the room over.
func (k *kept) handoverDeadline() bridge.Stamp {
	if k.Handover == nil || k.Handover.Overdue {
		return bridge.Stamp{}
	}
	return k.Handover.Limit
}

// takeWithin is how long an offer waits before the lead hears of it.
func (r *Rules) takeWithin() time.Duration {
	if r.setup.HandoverWithin > 0 {
		return r.setup.HandoverWithin
	}
	return 15 * time.Minute
}
