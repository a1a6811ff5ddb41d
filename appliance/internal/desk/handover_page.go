package desk

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/watchpost-edge/watchpost/bridge"
)

// HandoverPage is how the room stands at a handover, and what happened since
// the one before. Lists are bounded; More says how much of each was left out.
type HandoverPage struct {
	Station    string         `json:"station"`
	Box        string         `json:"box"`
	From       bridge.Stamp   `json:"from"` // of the last handover; empty: there was none
	At         bridge.Stamp   `json:"at"`
	Outgoing   string         `json:"outgoing"` // who signs it over; empty: nobody yet
	Note       string         `json:"note"`     // what he says
	Claims     []string       `json:"claims"`   // incidents of his that go to whoever takes it
	Counts     HandoverCounts `json:"counts"`
	Configured struct {
		Persons int `json:"persons"` // and teams
		Patrols int `json:"patrols"`
		Drills  int `json:"drills"`
		Uplinks int `json:"uplinks"`
	} `json:"configured"`
	Incidents []HandoverIncident `json:"incidents"` // open, most urgent first
	Tasks     []HandoverTask     `json:"tasks"`     // that nobody ended; overdue first
	Devices   []HandoverDevice   `json:"devices"`   // that are not online
	Blind     []HandoverBlind    `json:"blind"`     // since From, open ones first
	Uplinks   []HandoverUplink   `json:"uplinks"`
	Aside     []HandoverAside    `json:"aside"` // refused above, and not sent again
	Rounds    []HandoverRound    `json:"rounds"`
	Drills    []HandoverDrill    `json:"drills"`
	Duty      []HandoverDuty     `json:"duty"`
	More      map[string]int     `json:"more"` // by list
}

// HandoverCounts are the numbers of a page; they count what a list leaves out.
type HandoverCounts struct {
	Incidents  int `json:"incidents"` // open
	Unclaimed  int `json:"unclaimed"`
	Late       int `json:"late"`  // open incidents past the limit of their state
	Tasks      int `json:"tasks"` // open
	Overdue    int `json:"overdue"`
	Devices    int `json:"devices"` // not online
	Blind      int `json:"blind"`   // intervals since the last handover, and open ones
	SetAside   int `json:"set_aside"`
	Missed     int `json:"missed"` // patrol rounds
	Drills     int `json:"drills"`
	OnDuty     int `json:"on_duty"`
	Opened     int `json:"opened"` // incidents since the last handover, without drills
	Closed     int `json:"closed"`
	DrillsOpen int `json:"drills_open"` // open incidents that are drills: in no other count
}

// HandoverIncident is an open incident.
type HandoverIncident struct {
	ID        string        `json:"id"`
	Number    uint64        `json:"number"`
	Priority  string        `json:"priority"`
	State     IncidentState `json:"state"`
	Kind      string        `json:"kind"`
	Drill     bool          `json:"drill,omitempty"`
	Place     string        `json:"place"`
	Opened    bridge.Stamp  `json:"opened_at"`
	Limit     bridge.Stamp  `json:"limit"`
	Late      bool          `json:"late"`
	ClaimedBy string        `json:"claimed_by,omitempty"`
}

// HandoverTask is an order that has no end yet.
type HandoverTask struct {
	ID       string       `json:"id"`
	Number   uint64       `json:"number"`
	Priority string       `json:"priority"`
	Drill    bool         `json:"drill,omitempty"`
	State    TaskState    `json:"state"`
	To       string       `json:"to"`
	Incident uint64       `json:"incident,omitempty"` // its number
	Limit    bridge.Stamp `json:"limit"`
	Overdue  bool         `json:"overdue"`
	What     string       `json:"what,omitempty"` // overdue: judge (of its report), step; else the report
	Note     string       `json:"note,omitempty"`
}

// HandoverDevice is a device that is not as it should be.
type HandoverDevice struct {
	ID    string       `json:"id"`
	Name  string       `json:"name"`
	Type  string       `json:"type"`
	State string       `json:"state"`
	Since bridge.Stamp `json:"since"`
}

// HandoverBlind sums up one kind of blindness of a camera.
type HandoverBlind struct {
	Camera string       `json:"camera"`
	Name   string       `json:"name"`
	Kind   string       `json:"kind"`
	Open   bridge.Stamp `json:"open_since"` // empty: it is over
	Count  int          `json:"count"`      // that ended since the last handover
	Ms     int64        `json:"ms"`         // of these
}

// HandoverUplink is how far one headquarters is.
type HandoverUplink struct {
	Name      string       `json:"name"`
	Connected bool         `json:"connected"`
	Since     bridge.Stamp `json:"since"`
	Alarm     uint64       `json:"lag_alarm"` // events that it has not confirmed
	Notice    uint64       `json:"lag_notice"`
	Clip      uint64       `json:"lag_clip"`
	Oldest    bridge.Stamp `json:"oldest"`
}

// HandoverAside is an event that headquarters refused.
type HandoverAside struct {
	Uplink string       `json:"uplink"`
	ID     string       `json:"id"`
	Type   string       `json:"type"`
	At     bridge.Stamp `json:"at"`
	Reason string       `json:"reason"`
}

// HandoverRound is a patrol round that nobody signed off.
type HandoverRound struct {
	Plan   string       `json:"plan"`
	Name   string       `json:"name"`
	Due    bridge.Stamp `json:"due"`
	Rounds int          `json:"rounds"` // told as this one
}

// HandoverDrill is a drill of the shift.
type HandoverDrill struct {
	Drill  string       `json:"drill"`
	Target string       `json:"target"`
	Name   string       `json:"name"` // of the target
	At     bridge.Stamp `json:"at"`
	Result string       `json:"result"`
}

// HandoverDuty is somebody on duty.
type HandoverDuty struct {
	ID    string       `json:"id"`
	Name  string       `json:"name"`
	Kind  string       `json:"kind"` // person, team
	Shift string       `json:"shift,omitempty"`
	Until bridge.Stamp `json:"until"`
}

// HandoverPage is how the room stands now.
func (r *Rules) HandoverPage(s *State, now bridge.Stamp, uplinks []HandoverUplink) HandoverPage {
	log := s.shiftLog()
	p := HandoverPage{
		Station: r.setup.Station, Box: r.setup.Box, From: log.Since, At: now, Uplinks: slices.Clone(uplinks),
		Claims: []string{}, Rounds: slices.Clone(log.Missed), Drills: slices.Clone(log.Drills), More: map[string]int{},
	}
	p.Counts.Opened, p.Counts.Closed, p.Counts.Missed, p.Counts.Drills = log.Opened, log.Closed, log.Rounds, log.DrillRuns
	r.pageWork(&p, s)
	r.pageDevices(&p, s, log)
	r.pageDuty(&p, s)
	for i := range p.Drills {
		p.Drills[i].Name = p.Drills[i].Target
		if target, known := r.DrillTarget(p.Drills[i].Target); known {
			p.Drills[i].Name = brief(target.Name)
		}
	}
	for _, a := range s.k.SetAside {
		p.Aside = append(p.Aside, HandoverAside{Uplink: a.Uplink, ID: a.ID, Type: strings.TrimPrefix(a.Type, typePrefix), At: a.At, Reason: brief(a.Reason)})
	}
	p.Counts.SetAside = len(p.Aside)
	p.Configured.Persons, p.Configured.Uplinks = len(r.setup.Persons)+len(r.setup.Teams), len(r.setup.Uplinks)
	p.Configured.Patrols, p.Configured.Drills = len(r.setup.Patrols), len(r.setup.Drills)
	p.fit(log)
	return p
}

// pageWork lists open incidents and orders.
func (r *Rules) pageWork(p *HandoverPage, s *State) {
	for _, inc := range s.OpenIncidents() {
		late := !inc.Limit.IsZero() && !inc.Limit.After(p.At.Time)
		p.Incidents = append(p.Incidents, HandoverIncident{
			ID: inc.ID, Number: inc.Number, Priority: inc.Priority, State: inc.State, Kind: brief(inc.Kind), Drill: inc.Drill,
			Place: brief(inc.Place.Name), Opened: inc.OpenedAt, Limit: inc.Limit, Late: late, ClaimedBy: inc.ClaimedBy,
		})
		p.Counts.Incidents += oneIf(!inc.Drill)
		p.Counts.Late += oneIf(late && !inc.Drill)
		p.Counts.Unclaimed += oneIf(inc.ClaimedBy == "" && !inc.Drill)
		p.Counts.DrillsOpen += oneIf(inc.Drill)
	}
	for _, task := range s.Tasks() {
		if task.State.done() {
			continue
		}
		line := HandoverTask{
			ID: task.ID, Number: task.Number, Priority: task.Priority, Drill: task.Drill, State: task.State, To: brief(r.Party(task.To).Name), Limit: task.Limit,
			Note: brief(task.Note),
		}
		line.Overdue, line.What = task.late()
		if inc := s.k.Incidents[task.Incident]; inc != nil {
			line.Incident = inc.Number
		}
		p.Tasks = append(p.Tasks, line)
		p.Counts.Tasks += oneIf(!line.Drill)
		p.Counts.Overdue += oneIf(line.Overdue && !line.Drill)
	}
	slices.SortStableFunc(p.Tasks, func(a, b HandoverTask) int {
		return cmp.Or(-cmp.Compare(oneIf(a.Overdue), oneIf(b.Overdue)), cmp.Compare(a.Number, b.Number))
	})
}

// pageDevices lists what is down, and where the room was blind.
func (r *Rules) pageDevices(p *HandoverPage, s *State, log *shiftLog) {
	open := map[string]bool{}
	names := map[string]string{}
	for _, d := range r.Devices(s) {
		names[d.ID] = brief(d.Name)
		if d.State != "online" && d.Type != "uplink" {
			p.Devices = append(p.Devices, HandoverDevice{ID: d.ID, Name: brief(d.Name), Type: d.Type, State: d.State, Since: d.Since})
		}
		for _, b := range d.Blinds {
			if b.Cause == planned {
				continue
			}
			line := HandoverBlind{Camera: d.ID, Name: brief(d.Name), Kind: b.Kind, Open: b.From}
			if past, is := log.blind(d.ID, b.Kind); is {
				line.Count, line.Ms = past.Count, past.Ms
			}
			open[d.ID+"/"+b.Kind] = true
			p.Blind = append(p.Blind, line)
			p.Counts.Blind++
		}
	}
	for _, b := range log.Blind {
		p.Counts.Blind += b.Count
		if !open[b.Camera+"/"+b.Kind] {
			b.Name = cmp.Or(names[b.Camera], b.Camera)
			p.Blind = append(p.Blind, b)
		}
	}
	p.Counts.Devices = len(p.Devices)
}

// pageDuty lists who is on duty.
func (r *Rules) pageDuty(p *HandoverPage, s *State) {
	for i := range r.setup.Persons {
		who := &r.setup.Persons[i]
		if d := r.PersonDuty(s, who.ID, p.At.Time); d.On {
			p.Duty = append(p.Duty, HandoverDuty{ID: who.ID, Name: brief(who.Name), Kind: "person", Shift: r.shiftName(d.Shift), Until: d.Until})
		}
	}
	for i := range r.setup.Teams {
		team := &r.setup.Teams[i]
		if d := r.TeamDuty(s, team.ID, p.At.Time); d.On {
			p.Duty = append(p.Duty, HandoverDuty{ID: team.ID, Name: brief(team.Name), Kind: "team", Shift: r.shiftName(d.Shift), Until: d.Until})
		}
	}
	p.Counts.OnDuty = len(p.Duty)
}

func (r *Rules) shiftName(id string) string {
	for _, shift := range r.setup.Shifts {
		if shift.ID == id && shift.Name != "" {
			return brief(shift.Name)
		}
	}
	return id
}

// fit leaves out the ends of the longest lists until the page has its size, and
// says how much. No list is null.
func (p *HandoverPage) fit(log *shiftLog) {
	p.More["rounds"], p.More["drills"], p.More["blind"] = log.Rounds-sumRounds(p.Rounds), log.DrillRuns-len(p.Drills), log.BlindMore
	for {
		p.Incidents, p.Tasks, p.Devices, p.Blind = list(p.Incidents), list(p.Tasks), list(p.Devices), list(p.Blind)
		p.Uplinks, p.Aside, p.Rounds, p.Drills, p.Duty = list(p.Uplinks), list(p.Aside), list(p.Rounds), list(p.Drills), list(p.Duty)
		raw, err := json.Marshal(p)
		if err != nil || len(raw) <= handoverPageMax {
			break
		}
		p.shorten()
	}
	for name, n := range p.More {
		if n <= 0 {
			delete(p.More, name)
		}
	}
}

// shorten takes a quarter of the longest list away.
func (p *HandoverPage) shorten() {
	type part struct {
		name string
		n    int
		cut  func(to int)
	}
	longest := slices.MaxFunc([]part{
		{"incidents", len(p.Incidents), func(to int) { p.Incidents = p.Incidents[:to] }},
		{"tasks", len(p.Tasks), func(to int) { p.Tasks = p.Tasks[:to] }},
		{"devices", len(p.Devices), func(to int) { p.Devices = p.Devices[:to] }},
		{"blind", len(p.Blind), func(to int) { p.Blind = p.Blind[:to] }},
		{"uplinks", len(p.Uplinks), func(to int) { p.Uplinks = p.Uplinks[:to] }},
		{"aside", len(p.Aside), func(to int) { p.Aside = p.Aside[:to] }},
		{"rounds", len(p.Rounds), func(to int) { p.Rounds = p.Rounds[:to] }},
		{"drills", len(p.Drills), func(to int) { p.Drills = p.Drills[:to] }},
		{"duty", len(p.Duty), func(to int) { p.Duty = p.Duty[:to] }},
	}, func(a, b part) int { return cmp.Compare(a.n, b.n) })
	to := longest.n * 3 / 4
	longest.cut(to)
	p.More[longest.name] += longest.n - to
}

func sumRounds(rounds []HandoverRound) (n int) {
	for _, r := range rounds {
		n += r.Rounds
	}
	return n
}

// brief is what a line of a page has room for.
func brief(text string) string { return clip(text, 60) }

// clip leaves so many letters of a text, and says that there were more.
func clip(text string, letters int) string {
	if short := []rune(text); len(short) > letters {
		return string(short[:letters]) + "…"
	}
	return text
}

func oneIf(is bool) int {
	if is {
		return 1
	}
	return 0
}
