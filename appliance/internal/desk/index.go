package desk

import (
	"cmp"
	"container/heap"
	"slices"
	"sort"
	"strings"

	"github.com/watchpost-edge/watchpost/bridge"
)

// index is derived from kept alone, so that a state that was folded and one
// that was restored decide alike.
type index struct {
	open      map[string]struct{}                // incidents that are not closed
	joins     map[string]map[string]bridge.Stamp // join key → open incident → its newest sign
	signs     map[string]bridge.Stamp            // open incident → its newest sign
	sightings map[string]string                  // vision's id → alert
	presses   map[string]int                     // pillar/id → how many alerts
	above     map[string]string                  // HQKey of an incident from above → its alert
	same      map[sameKey]sameAlerts
	silent    map[string]string   // drone → its alert that has not ended
	similar   map[string][]string // join key → incidents by number
	tasks     taskIndex
	runs      map[string]string // alert and incident of a drill that is under way → its target
	deadlines deadlines
	closed    []closing // by time
	touched   []ref     // by place; entries older than their resource are skipped
}

type closing struct {
	at       bridge.Stamp
	incident string
}

// ref names a resource that was touched at a place.
type ref struct {
	place uint64
	kind  kind
	key   string
}

type kind uint8

const (
	kindIncident kind = iota
	kindAlert
	kindClip
	kindDevice
	kindTask
	kindPatrol
	kindDrill
)

func (k kind) String() string {
	return [...]string{"incident", "alert", "clip", "device", "task", "patrol", "drill"}[k]
}

// build makes the index anew.
func (ix *index) build(k *kept) {
	*ix = index{
		open: map[string]struct{}{}, joins: map[string]map[string]bridge.Stamp{}, signs: map[string]bridge.Stamp{}, sightings: map[string]string{},
		presses: map[string]int{}, above: map[string]string{}, same: map[sameKey]sameAlerts{}, silent: map[string]string{}, similar: map[string][]string{},
		tasks: newTaskIndex(), runs: map[string]string{},
	}
	incidents := make([]*Incident, 0, len(k.Incidents))
	for _, inc := range k.Incidents {
		incidents = append(incidents, inc)
		ix.touched = append(ix.touched, ref{inc.Touched, kindIncident, inc.ID})
	}
	slices.SortFunc(incidents, func(a, b *Incident) int { return cmp.Compare(a.Number, b.Number) })
	for _, inc := range incidents {
		if inc.State != Closed {
			ix.open[inc.ID] = struct{}{}
			ix.addDeadline(inc)
		} else {
			ix.closed = append(ix.closed, closing{inc.ClosedAt, inc.ID})
		}
		for _, id := range inc.Alerts {
			if a := k.Alerts[id]; a != nil {
				ix.addAlert(a, inc)
				ix.addNew(a)
				ix.addShowBy(a)
				ix.touched = append(ix.touched, ref{a.Touched, kindAlert, a.ID})
			}
		}
	}
	slices.SortStableFunc(ix.closed, func(a, b closing) int { return a.at.Compare(b.at.Time) })
	ix.buildTasks(k)
	for key, c := range k.Clips {
		ix.touched = append(ix.touched, ref{c.Touched, kindClip, key})
	}
	for _, d := range k.Devices {
		ix.touched = append(ix.touched, ref{d.Touched, kindDevice, d.ID})
	}
	for _, p := range k.Patrols {
		ix.addPatrol(p)
		ix.touched = append(ix.touched, ref{p.Touched, kindPatrol, p.ID})
	}
	for _, d := range k.Drills {
		ix.addDrilled(d)
		ix.touched = append(ix.touched, ref{d.Touched, kindDrill, d.Target})
	}
	sort.Slice(ix.touched, func(i, j int) bool {
		a, b := ix.touched[i], ix.touched[j]
		return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.kind, b.kind), cmp.Compare(a.key, b.key)) < 0
	})
	ix.dropStaleDeadlines(k)
}

// joinKeys are the names under which an alert's incident is found by the next
// alert of the same origin. Drills have their own.
func joinKeys(a *Alert) []string {
	prefix := ""
	if a.Drill {
		prefix = "drill/"
	}
	switch a.Origin {
	case "press":
		return []string{prefix + "press/" + a.Device}
	case "sighting":
		keys := []string{prefix + "camera/" + a.Device + "/" + a.Kind}
		if a.Place.ID != "" {
			keys = append(keys, prefix+"place/"+a.Place.ID+"/"+a.Kind)
		}
		return keys
	case "drone":
		return []string{prefix + "drone/" + a.Device + "/" + a.Kind}
	case "report":
		if at := reportedAt(a.Place); at != "" {
			return []string{prefix + "report/" + at + "/" + a.Reported}
		}
	}
	return nil
}

// reportedAt names the place of a report: the configured one, or what somebody
// said, however he put spaces and capitals.
func reportedAt(place PlaceRef) string {
	if place.ID != "" || place.Name == "" {
		return place.ID
	}
	return "said/" + strings.ToLower(strings.Join(strings.Fields(place.Name), " "))
}

// similarKeys are the names under which an incident is found by later ones that
// are like it: the same device, kind, or place.
func similarKeys(a *Alert) []string {
	keys, place := joinKeys(a), a.Place.ID
	if a.Origin == "report" {
		place = reportedAt(a.Place)
	}
	if place != "" {
		at := "at/" + place
		if a.Drill {
			at = "drill/" + at
		}
		keys = append(keys, at)
	}
	return keys
}

// addAlert indexes a new or changed alert of the incident.
func (ix *index) addAlert(a *Alert, inc *Incident) {
	for _, id := range a.Sightings {
		ix.sightings[id] = a.ID
	}
	for _, id := range a.Past {
		ix.sightings[id] = a.ID
	}
	if a.Origin == "drone" && !a.Ended {
		ix.silent[a.Device] = a.ID
	}
	if a.HQID != "" {
		ix.above[HQKey(a.Uplink, a.HQID)] = a.ID
	}
	if inc.State != Closed && a.To.After(ix.signs[inc.ID].Time) {
		ix.signs[inc.ID] = a.To
	}
	for _, key := range similarKeys(a) {
		if list := ix.similar[key]; !slices.Contains(list, inc.ID) {
			ix.similar[key] = append(list, inc.ID)
		}
	}
	if inc.State == Closed {
		return
	}
	for _, key := range joinKeys(a) {
		if ix.joins[key] == nil {
			ix.joins[key] = map[string]bridge.Stamp{}
		}
		if a.To.After(ix.joins[key][inc.ID].Time) {
			ix.joins[key][inc.ID] = a.To
		}
	}
}

// endJoins takes a closed incident out of what alerts may join.
func (ix *index) endJoins(k *kept, inc *Incident) {
	delete(ix.signs, inc.ID)
	for _, id := range inc.Alerts {
		a := k.Alerts[id]
		if a == nil {
			continue
		}
		for _, key := range joinKeys(a) {
			delete(ix.joins[key], inc.ID)
			if len(ix.joins[key]) == 0 {
				delete(ix.joins, key)
			}
		}
	}
}

// dropAlert forgets an alert that leaves the state with its incident.
func (ix *index) dropAlert(a *Alert) {
	for _, id := range append(slices.Clone(a.Sightings), a.Past...) {
		if ix.sightings[id] == a.ID {
			delete(ix.sightings, id)
		}
	}
	if key := a.Device + "/" + a.Press; a.Press != "" {
		if ix.presses[key]--; ix.presses[key] == 0 {
			delete(ix.presses, key)
		}
	}
	if key := HQKey(a.Uplink, a.HQID); ix.above[key] == a.ID {
		delete(ix.above, key)
	}
	ix.dropSame(a)
	if ix.silent[a.Device] == a.ID {
		delete(ix.silent, a.Device)
	}
}

// touch notes that a resource changed at a place. Stale entries are taken out
// when they are the larger part.
func (ix *index) touch(k *kept, r ref) {
	ix.touched = append(ix.touched, r)
	living := len(k.Incidents) + len(k.Alerts) + len(k.Clips) + len(k.Devices) + len(k.Tasks) + len(k.Patrols) + len(k.Drills)
	if len(ix.touched) > 2*living+1024 {
		ix.touched = slices.DeleteFunc(ix.touched, func(r ref) bool { _, place := k.get(r); return place != r.place })
	}
}

// get is the resource and where it was last touched; 0 when it is gone.
func (k *kept) get(r ref) (any, uint64) {
	switch r.kind {
	case kindIncident:
		if x := k.Incidents[r.key]; x != nil {
			return x, x.Touched
		}
	case kindAlert:
		if x := k.Alerts[r.key]; x != nil {
			return x, x.Touched
		}
	case kindClip:
		if x := k.Clips[r.key]; x != nil {
			return x, x.Touched
		}
	case kindDevice:
		if x := k.Devices[r.key]; x != nil {
			return x, x.Touched
		}
	case kindTask:
		if x := k.Tasks[r.key]; x != nil {
			return x, x.Touched
		}
	case kindPatrol:
		if x := k.Patrols[r.key]; x != nil {
			return x, x.Touched
		}
	case kindDrill:
		if x := k.Drills[r.key]; x != nil {
			return x, x.Touched
		}
	}
	return nil, 0
}

// deadline is when an incident escalates, a task is overdue, an alert must have
// been drawn, or something of a patrol or a drill is due: one of them.
type deadline struct {
	at       bridge.Stamp
	incident string
	task     string
	alert    string
	patrol   string
	drill    string
}

// deadlines is a heap, earliest first. An entry that is not its resource's
// present Next is stale, and dropped when it comes to the top.
type deadlines []deadline

func (h deadlines) Len() int           { return len(h) }
func (h deadlines) Less(i, j int) bool { return h[i].at.Before(h[j].at.Time) }
func (h deadlines) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *deadlines) Push(x any)        { *h = append(*h, x.(deadline)) }
func (h *deadlines) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

func (ix *index) addDeadline(inc *Incident) {
	if !inc.Next.IsZero() {
		heap.Push(&ix.deadlines, deadline{at: inc.Next, incident: inc.ID})
	}
}

func (ix *index) dropStaleDeadlines(k *kept) {
	for len(ix.deadlines) > 0 {
		top := ix.deadlines[0]
		if task := k.Tasks[top.task]; task != nil && !task.State.done() && task.due().Equal(top.at.Time) {
			return
		}
		if k.unshown(k.Alerts[top.alert]) {
			return
		}
		if p := k.Patrols[top.patrol]; p != nil && p.next().Equal(top.at.Time) {
			return
		}
		if d := k.Drills[top.drill]; d != nil && d.next().Equal(top.at.Time) {
			return
		}
		inc := k.Incidents[top.incident]
		if inc != nil && inc.State != Closed && inc.Next.Equal(top.at.Time) {
			return
		}
		heap.Pop(&ix.deadlines)
	}
}
