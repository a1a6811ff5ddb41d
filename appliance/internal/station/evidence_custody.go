package station

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/evidence"
)

// custodyKinds are the accesses that put pictures into somebody's hand, or let
// them: the words of the custody list.
func custodyKinds() []string {
	return []string{"look_opened", "looked", "exported", "requested", "approved", "withdrawn", "expired", "unmasked"}
}

// handled notes who had the incident's pictures in hand: its clips, stills and
// bundles at any time, masked or not, its cameras while it was open.
func (b *caseBuilder) handled(e *bridge.Event) bool {
	what := strings.TrimPrefix(e.Type, "watchpost.access.")
	var data desk.AccessFact
	if !slices.Contains(custodyKinds(), what) || json.Unmarshal(e.Data, &data) != nil {
		return false // something else, or erased by law
	}
	entry := evidence.Custody{At: e.RecordedTime, By: data.By, What: what, Of: strings.TrimSpace(data.Camera + " " + data.Why), Event: e.ID}
	subject, reason, exported := b.exported(data.Why)
	asked, unmask := approvalOf(&data)
	switch {
	case exported:
		entry.Of, entry.Reason = "incidents/"+subject, reason
	case unmask && (b.clipIs(strings.TrimPrefix(asked.subject, "clips/")) || b.parts[strings.TrimPrefix(asked.subject, "incidents/")] != nil):
		entry.Of, entry.Reason, entry.Second = strings.TrimSpace(data.Camera+" original of "+asked.subject), asked.reason, asked.second
	case !b.its(&data):
		return false
	}
	b.custody(&data, entry)
	return true
}

// exported tells of which of the parts evidence was taken away, and why.
func (b *caseBuilder) exported(why string) (incident, reason string, is bool) {
	for id := range b.parts {
		if reason, is = strings.CutPrefix(why, evidenceOf(id)); is {
			return id, reason, true
		}
	}
	return "", "", false
}

// its reports whether a look was at what belongs to the incident.
func (b *caseBuilder) its(data *desk.AccessFact) bool {
	hash, still := strings.CutPrefix(data.Why, "snapshot ")
	clip, looked := strings.CutPrefix(strings.TrimPrefix(data.Why, "original of "), "clip ")
	if looked && b.clipIs(clip) || still && b.stills[hash] {
		return true
	}
	return slices.Contains(b.inc.Cameras, data.Camera) && !b.ended(data.From.Time)
}

// custody adds a line; the end of a look takes the place of its beginning.
func (b *caseBuilder) custody(data *desk.AccessFact, entry evidence.Custody) {
	key := data.By + " " + entry.Of + " " + data.From.String()
	if at, open := b.looks[key]; open && entry.What == "looked" {
		entry.At = b.c.Custody[at].At // since when
		b.c.Custody[at] = entry
		return
	}
	if entry.What == "look_opened" {
		b.looks[key] = len(b.c.Custody)
	}
	b.c.Custody = append(b.c.Custody, entry)
}

// evidenceOf begins the reason under which an export is recorded (package
// wall writes it).
func evidenceOf(incident string) string { return "evidence of incidents/" + incident + ": " }

// unmasking is how an approval to unmask read in lane local before its event
// carried it as data: who asked and who approved, once somebody had, what and why.
var unmasking = regexp.MustCompile(`^(?:could not be done: .*: )?(?:asked by .*?, approved by (.*?): )?unmask (clips/[^:]+): (.*?)(?: \([^()]*\)?)?$`)

type approval struct{ subject, reason, second string }

// approvalOf is the approval to unmask that an access is about.
func approvalOf(data *desk.AccessFact) (approval, bool) {
	if a := data.Approval; a != nil {
		return approval{subject: a.Subject, reason: a.Reason, second: a.Second}, a.Act == wall.ActUnmask
	}
	return approvalFor(data.Why)
}

func approvalFor(why string) (approval, bool) {
	m := unmasking.FindStringSubmatch(why)
	if m == nil {
		return approval{}, false
	}
	return approval{subject: m[2], reason: m[3], second: m[1]}, true
}
