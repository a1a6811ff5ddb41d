package review

import (
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// incident is what is kept of one, as long as its day is counted from it.
type incident struct {
	Date     string     `json:"date"`
	Hour     int        `json:"hour"`
	Opened   int64      `json:"opened"` // recorded, ms since 1970
	Priority string     `json:"priority"`
	Kind     string     `json:"kind"`
	Place    string     `json:"place,omitempty"`
	Name     string     `json:"name,omitempty"` // of the place
	Beat     string     `json:"beat,omitempty"`
	Cell     *[2]int    `json:"cell,omitempty"`
	Source   string     `json:"source,omitempty"` // of its first alert
	Origins  []string   `json:"origins,omitempty"`
	Alerts   []alertRef `json:"alerts,omitempty"`  // until it is closed
	Partial  bool       `json:"partial,omitempty"` // there were alerts that are not among these

	State  desk.IncidentState `json:"state"`
	Since  int64              `json:"since"`           // of the state, ms
	Limit  int64              `json:"limit,omitempty"` // of the state, ms; 0: none
	Given  int64              `json:"given,omitempty"` // how long the limit was when the state began, ms
	Late   bool               `json:"late,omitempty"`  // it is in the state past its limit
	Rings  bool               `json:"rings,omitempty"` // somebody pressed again, and has a limit of his own until he is answered
	Stages []stage            `json:"stages,omitempty"`

	Answer    int64    `json:"answer"` // ms since opened; -1: not yet
	Arrive    int64    `json:"arrive"`
	Whole     int64    `json:"whole"`
	Result    string   `json:"result,omitempty"`
	Reopened  bool     `json:"reopened,omitempty"`
	Escalated bool     `json:"escalated,omitempty"`
	Unshown   bool     `json:"unshown,omitempty"`
	Teams     []string `json:"teams,omitempty"` // receivers of its orders

	Claimed string       `json:"claimed,omitempty"`
	Steps   []scoredStep `json:"steps,omitempty"`
	// Corrected is what a lead's word adds to the points of its steps.
	Corrected int `json:"corrected,omitempty"`
}

// alertRef is what is kept of an alert.
type alertRef struct {
	ID       string `json:"id"`
	Origin   string `json:"origin"` // key of what told it
	Source   string `json:"source"`
	Priority string `json:"priority"`
	Date     string `json:"date"`
	Count    int    `json:"count"`
}

// stage is one state that it has left.
type stage struct {
	State   desk.IncidentState `json:"state"`
	MS      int64              `json:"ms"`
	LimitMS int64              `json:"limit_ms,omitempty"` // when it began
	Limited bool               `json:"limited,omitempty"`
	InTime  bool               `json:"in_time,omitempty"`
}

type scoredStep struct {
	By     string `json:"by"`
	Result string `json:"result"`
	Points int    `json:"points"`
}

func ms(t bridge.Stamp) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func (i *incident) merged() bool { return i.Result == "merged" }

// judged reports whether somebody said what it was.
func (i *incident) judged() bool { return i.Result != "" && !i.merged() }

func (i *incident) false() bool { return i.Result == "false_alarm" }

// changed follows an event that names the incident's state and limit.
func (i *incident) changed(e *bridge.Event, data *desk.IncidentChanged) {
	at := ms(e.RecordedTime)
	if data.State == "" {
		return
	}
	heard := e.Type == desk.TypeIncidentAcknowledged || e.Type == desk.TypeIncidentClaimed && !data.Waits
	i.Rings = i.Rings && !heard && data.State != desk.Closed
	moved := data.State != i.State
	if moved {
		i.leave(at, data.State)
		i.Given = max(0, ms(data.Limit)-at)
	}
	if moved || !i.Rings {
		i.Limit = ms(data.Limit)
	}
	past := i.Limit < at || i.Limit == at && e.Type == desk.TypeIncidentEscalated // which comes at the limit, not behind it
	i.Late = i.State != desk.Closed && i.Limit > 0 && past
	switch e.Type {
	case desk.TypeIncidentClaimed:
		i.Claimed = data.By
	case desk.TypeIncidentClosed:
		i.Result, i.Whole, i.Alerts = data.Result, at-i.Opened, nil
	case desk.TypeIncidentReopened:
		i.Reopened, i.Partial, i.Result, i.Whole, i.Claimed = true, true, "", -1, ""
	case desk.TypeIncidentEscalated:
		i.Escalated, i.Unshown = true, i.Unshown || data.Reason == desk.ReasonUnshown
	}
}

// leave ends the present state. A closed one has no time of its own.
func (i *incident) leave(at int64, to desk.IncidentState) {
	if i.State != desk.Closed && i.State != "" {
		i.Stages = append(i.Stages, stage{
			State: i.State, MS: at - i.Since, LimitMS: i.Given, Limited: i.Limit > 0, InTime: i.Limit > 0 && at <= i.Limit,
		})
		i.Stages = i.Stages[max(0, len(i.Stages)-stagesMax):]
	}
	if i.Answer < 0 && i.State == desk.Open {
		i.Answer = at - i.Opened
	}
	if i.Arrive < 0 && to == desk.OnScene {
		i.Arrive = at - i.Opened
	}
	i.State, i.Since = to, at
}

// raised takes in an alert. The first one says what the incident came from.
func (i *incident) raised(a alertRef, data *desk.AlertRaised) {
	if i.Source == "" {
		i.Source = a.Source
		if i.Place == "" && data.Report == nil && data.Device != "" {
			i.Place, i.Name = "device:"+data.Device, data.Place.Name
		}
	}
	i.Priority = min(i.Priority, a.Priority)
	i.told(a.Origin)
	if i.State == desk.Closed || len(i.Alerts) == alertsMax {
		i.Partial = true
	} else {
		i.Alerts = append(i.Alerts, a)
	}
	i.limited(data.Limit, data.AnswerBy)
}

// limited takes in the limits that an alert brings: that of somebody who pressed
// again is not the state's.
func (i *incident) limited(limit, answerBy bridge.Stamp) {
	switch {
	case !answerBy.IsZero():
		i.Rings = true
	case !limit.IsZero() && !i.Rings:
		i.due(ms(limit))
	}
}

// due takes in the limit that a further alert brings. A later one is a new wait.
func (i *incident) due(limit int64) {
	i.Late = i.Late && limit <= i.Limit
	i.Limit = limit
}

// told notes what took part in it.
func (i *incident) told(origin string) {
	if origin != "" && len(i.Origins) < originsMax && !slices.Contains(i.Origins, origin) {
		i.Origins = append(i.Origins, origin)
	}
}

// sent notes who got an order.
func (i *incident) sent(to string) {
	if to != "" && len(i.Teams) < originsMax && !slices.Contains(i.Teams, to) {
		i.Teams = append(i.Teams, to)
	}
}

// give moves alerts to another incident. What each came from and how urgent it
// is follows from the alerts that it has then; of alerts that are not kept any
// more (a reopened incident) the other has what this one has.
func (i *incident) give(to *incident, ids []string) {
	stay, moved := []alertRef(nil), 0
	for _, a := range i.Alerts {
		if slices.Contains(ids, a.ID) {
			to.Alerts = append(to.Alerts, a)
			moved++
		} else {
			stay = append(stay, a)
		}
	}
	i.Alerts = stay
	if moved < len(ids) {
		to.Partial = true
		for _, origin := range i.Origins {
			to.told(origin)
		}
	}
	i.settle()
	to.settle()
}

// settle works out anew what follows from the alerts.
func (i *incident) settle() {
	if len(i.Alerts) == 0 {
		return
	}
	if !i.Partial {
		i.Priority, i.Origins = i.Alerts[0].Priority, nil
	}
	for _, a := range i.Alerts {
		i.Priority = min(i.Priority, a.Priority)
		i.told(a.Origin)
	}
	if i.Source == "" {
		i.Source = i.Alerts[0].Source
	}
}

// split marks an incident that somebody made of another: nobody was waited for.
func (i *incident) split() {
	if i.Place == "" && len(i.Origins) > 0 {
		_, device, _ := splitOrigin(i.Origins[0])
		i.Place = "device:" + device
	}
	i.Stages = slices.DeleteFunc(i.Stages, func(s stage) bool { return s.State == desk.Open })
	i.Since, i.State = i.Opened, ""
}

// scored takes in what the desk, or a lead after it, says of the steps.
func (i *incident) scored(data *desk.IncidentScored) {
	if data.By != "box" {
		sum := 0
		for _, s := range i.Steps {
			sum += s.Points
		}
		i.Corrected = data.Points - sum
		return
	}
	i.Steps, i.Corrected = nil, 0
	for _, s := range data.Steps {
		i.Steps = append(i.Steps, scoredStep{By: s.By, Result: s.Result, Points: s.Points})
	}
	i.Steps = i.Steps[:min(len(i.Steps), scoredMax)]
}

// waits are the times that count, by state.
func (i *incident) waits(each func(state string, took time.Duration, s stage)) {
	for _, s := range i.Stages {
		each(string(s.State), time.Duration(s.MS)*time.Millisecond, s)
	}
	if i.Arrive >= 0 {
		each("arrival", time.Duration(i.Arrive)*time.Millisecond, stage{})
	}
	if i.Whole >= 0 {
		each("whole", time.Duration(i.Whole)*time.Millisecond, stage{})
	}
}
