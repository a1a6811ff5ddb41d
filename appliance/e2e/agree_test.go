package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// told is an incident as somebody sees it: a browser's list, the box, or
// headquarters.
type told struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"`
	State   string `json:"state"`
	Claimed string `json:"claimed"`
}

// seen is what stands on a browser's page.
type seen struct {
	Incidents []told `json:"incidents"`
	Cut       bool   `json:"cut"`
	Said      string `json:"said"`
}

// theyAgree: the line of one of two browsers is cut while both work, and an
// answer is lost on it. Afterwards both lists, the box and headquarters tell the
// same, and what was done is done once. Three thefts and a press are left, one
// of them closed as a false alarm, one claimed by each.
func theyAgree(t *testing.T, r *shift) {
	cut := newLine(t, r.boxAt.HTTP)
	near, far := r.browserAt(r.url(""), user), r.browserAt(cut.url(), "zhao")

	report := func(place string) string {
		var made struct{ Incident told }
		body := fmt.Sprintf(`{"source":"call_110","kind":"theft","place":%q}`, place)
		require.Equal(t, 201, r.api("POST", "/api/v1/incidents", body, &made))
		return made.Incident.ID
	}
	mine, lost, theirs := report("甲巷 1 号"), report("乙巷 2 号"), report("丙巷 3 号")
	r.mine, r.passed = mine, lost
	for b, id := range map[*browser]string{near: mine, far: lost} {
		b.do(t, nil, "open", id)
	}
	r.agree(near, far)

	// What zhao does arrives; the box's answer does not.
	cut.loseAnswerTo("/claim")
	r.presses(far, "claim", "zhao's claim in the box", func() bool { return r.tells(lost) == told{lost, "theft", "acknowledged", "zhao"} })
	cut.set(true)
	r.until("a browser that says it is cut", func() bool { return far.list(t).Cut })

	// Both go on working: one cannot, and says so; the other does, and the world
	// does not stand still.
	far.do(t, nil, "click", "close")
	require.Contains(t, far.list(t).Said, "断线")
	r.presses(near, "claim", "wang's claim on his own list", func() bool { return slices.Contains(near.list(t).Incidents, told{mine, "theft", "acknowledged", user}) })
	require.Equal(t, 200, r.api("POST", "/api/v1/incidents/"+theirs+"/close", `{"result":"false_alarm"}`, nil))
	r.control("POST", "/pillar/P-001/press", `{"kind":"alarm"}`, nil)
	r.until("the press", func() bool {
		return slices.ContainsFunc(r.incidentsTold(), func(one told) bool { return one.Kind == "alarm" })
	})
	r.until("wang's own list knows of the false alarm", func() bool { return !slices.Contains(near.list(t).Incidents, told{theirs, "theft", "open", ""}) })
	require.Contains(t, far.list(t).Incidents, told{theirs, "theft", "open", ""}, "it has not heard")

	cut.set(false)
	r.agree(near, far)
	require.Equal(t, told{lost, "theft", "acknowledged", "zhao"}, r.tells(lost))
	r.until("headquarters tells the same", func() bool { return slices.Equal(r.incidentsTold(), r.headquartersTells(t)) })
	claims := 0
	for _, l := range r.ledger() {
		if l.Taken && l.Type == "watchpost.incident.claimed" && l.Subject == "incidents/"+lost {
			claims++
		}
	}
	require.Equal(t, 1, claims, "once, though its answer was lost")
}

// presses a verb, and again where the page just did not hear the box and
// refused, until it has come to something.
func (r *rig) presses(b *browser, verb, what string, done func() bool) {
	r.t.Helper()
	var pressed time.Time
	r.until(what, func() bool {
		if time.Since(pressed) > 15*time.Second { // longer than the page waits for an answer
			b.do(r.t, nil, "click", verb)
			pressed = time.Now()
		}
		return done()
	})
}

func (b *browser) list(t *testing.T) seen {
	t.Helper()
	var s seen
	b.do(t, &s, "list")
	s.Incidents = slices.DeleteFunc(s.Incidents, func(one told) bool { return !watched(one) })
	slices.SortFunc(s.Incidents, byID)
	return s
}

// watched leaves out what cameras see meanwhile.
func watched(one told) bool { return one.Kind == "theft" || one.Kind == "alarm" }

func byID(a, b told) int { return cmp.Compare(a.ID, b.ID) }

// agree waits until both lists show what the box has.
func (r *rig) agree(browsers ...*browser) {
	r.t.Helper()
	for i, b := range browsers {
		r.until(fmt.Sprintf("browser %d shows what the box has", i+1), func() bool {
			s := b.list(r.t)
			return !s.Cut && slices.Equal(s.Incidents, r.incidentsTold())
		})
	}
}

// incidentsTold is what the box tells of all incidents.
func (r *rig) incidentsTold() []told {
	var list struct {
		Items []struct {
			told
			ClaimedBy string `json:"claimed_by"`
		} `json:"items"`
	}
	require.Equal(r.t, 200, r.api("GET", "/api/v1/incidents?limit=100", "", &list))
	all := []told{}
	for _, one := range list.Items {
		if one := (told{one.ID, one.Kind, one.State, one.ClaimedBy}); watched(one) {
			all = append(all, one)
		}
	}
	slices.SortFunc(all, byID)
	return all
}

func (r *rig) tells(id string) told {
	for _, one := range r.incidentsTold() {
		if one.ID == id {
			return one
		}
	}
	return told{}
}

// headquartersTells folds the ledger of headquarters, as a command system does.
func (r *rig) headquartersTells(t *testing.T) []told {
	known := map[string]*told{}
	for _, l := range r.ledger() {
		if !l.Taken || !strings.HasPrefix(l.Type, "watchpost.incident.") {
			continue
		}
		var data struct{ Incident, Kind, State, By string }
		require.NoError(t, json.Unmarshal(l.Event.Data, &data))
		if l.Type == "watchpost.incident.opened" && known[data.Incident] == nil { // a P0's comes twice: now, and in its lane
			known[data.Incident] = &told{ID: data.Incident, Kind: data.Kind, State: "open"}
		}
		one := known[data.Incident]
		require.NotNil(t, one, "%s of an incident that was not opened", l.Type)
		if l.Type != "watchpost.incident.opened" {
			one.State = cmp.Or(data.State, one.State)
		}
		if l.Type == "watchpost.incident.claimed" {
			one.Claimed = data.By
		}
	}
	all := []told{}
	for _, one := range known {
		if watched(*one) {
			all = append(all, *one)
		}
	}
	slices.SortFunc(all, byID)
	return all
}
