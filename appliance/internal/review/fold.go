package review

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// Bounds of what is kept.
const (
	keptVersion = 1
	exactDays   = 35     // days before today that are counted from their incidents
	worksMax    = 40_000 // incidents, and orders: beyond it the oldest of these days are counted for good
	daysMax     = 3660   // ten years of counts
	alertsMax   = 2_000  // remembered of one open incident
	keysMax     = 2_000  // rows of one group and day; what comes beyond them has no name
	originsMax  = 32     // rules and devices of one incident; receivers of its orders
	stagesMax   = 32     // of one incident, as in the desk
	scoredMax   = 100    // steps of one incident's score, as in the desk
	spanMax     = 800    // days of one report
	cellM       = 100.0  // side of a cell of the map, metres
	degreeM     = 111195 // metres of a degree of latitude (mean radius 6371 km)
)

// kept is the projection as its file holds it: a function of the events that
// the journal holds up to Place, and of nothing else.
type kept struct {
	Version   int                  `json:"version"`
	Zone      string               `json:"zone"`
	Epoch     string               `json:"epoch"`
	Place     uint64               `json:"place"`  // folded up to here
	Now       bridge.Stamp         `json:"now"`    // newest recorded time
	Low       string               `json:"low"`    // days up to this one are counted for good
	Firsts    []first              `json:"firsts"` // of the days after Low
	Open      map[string]*openDay  `json:"open"`   // days that are counted from what follows
	Incidents map[string]*incident `json:"incidents"`
	Orders    map[string]*order    `json:"orders"`
	Days      map[string]*day      `json:"days"` // by date, or date/epoch
	Skipped   int                  `json:"skipped"`

	row func(to string) string // Options.Team
}

// first is the place of the first event that was recorded on a day.
type first struct {
	Date  string `json:"date"`
	Place uint64 `json:"place"`
}

// openDay is what is counted at once, and never changes afterwards.
type openDay struct {
	Alerts  int                       `json:"alerts"`
	Folded  int                       `json:"folded"`
	By      map[string]map[string]int `json:"by,omitempty"` // group → key → alerts
	Names   map[string]string         `json:"names,omitempty"`
	Sources map[string]int            `json:"sources,omitempty"`
}

func newKept(epoch, zone string) *kept {
	return &kept{
		Version: keptVersion, Zone: zone, Epoch: epoch, Open: map[string]*openDay{}, Incidents: map[string]*incident{},
		Orders: map[string]*order{}, Days: map[string]*day{},
	}
}

// fold takes in one record of the journal.
func (k *kept) fold(r bridge.Record, zone *time.Location) {
	e := &r.Event
	date := dateOf(e.RecordedTime.Time, zone)
	if k.Place == 0 && r.Place > 1 {
		k.seal(date) // what came before it on that day has gone
	}
	k.Place = r.Place
	if e.RecordedTime.After(k.Now.Time) {
		k.Now = e.RecordedTime
	}
	if n := len(k.Firsts); date > k.Low && (n == 0 || k.Firsts[n-1].Date < date) {
		k.Firsts = append(k.Firsts, first{date, r.Place})
		k.bound(date, worksMax)
	}
	k.open(date) // a day on which nothing happened is a day all the same
	if len(e.Data) == 0 {
		return // erased by law
	}
	if err := k.take(r, zone); err != nil {
		k.Skipped++
	}
}

// take folds what an event says. Drills are never counted.
func (k *kept) take(r bridge.Record, zone *time.Location) error {
	e := &r.Event
	switch e.Type {
	case desk.TypeReviewDay:
		return with(r, k.reviewDay)
	case desk.TypeReviewPeople:
		return with(r, k.reviewPeople)
	case desk.TypeJournalRetired:
		return with(r, k.retired)
	}
	if e.Drill {
		return nil
	}
	switch name := strings.TrimPrefix(e.Type, "watchpost."); {
	case e.Type == desk.TypeAlertRaised:
		return with(r, func(r bridge.Record, data *desk.AlertRaised) { k.alertRaised(r, data, zone) })
	case e.Type == desk.TypeAlertUpdated || e.Type == desk.TypeAlertEnded:
		return with(r, k.alertUpdated)
	case e.Type == desk.TypeIncidentOpened:
		return with(r, func(r bridge.Record, data *desk.IncidentOpened) { k.incidentOpened(r, data, zone) })
	case e.Type == desk.TypeIncidentScored:
		return with(r, func(_ bridge.Record, data *desk.IncidentScored) {
			if i := k.Incidents[data.Incident]; i != nil {
				i.scored(data)
			}
		})
	case strings.HasPrefix(name, "incident."):
		return with(r, k.incidentChanged)
	case e.Type == desk.TypeTaskIssued:
		return with(r, func(r bridge.Record, data *issued) { k.issued(r, data, zone) })
	case strings.HasPrefix(name, "task."):
		return with(r, k.orderChanged)
	}
	return nil
}

// with decodes the event's data for its fold.
func with[T any](r bridge.Record, fold func(bridge.Record, *T)) error {
	data := new(T)
	if err := json.Unmarshal(r.Event.Data, data); err != nil {
		return fmt.Errorf("read data of event %s: %w", r.Event.ID, err)
	}
	fold(r, data)
	return nil
}

// open is the day's immediate counts; nil when it is counted for good.
func (k *kept) open(date string) *openDay {
	if date <= k.Low {
		return nil
	}
	one := k.Open[date]
	if one == nil {
		one = &openDay{By: map[string]map[string]int{}, Names: map[string]string{}, Sources: map[string]int{}}
		k.Open[date] = one
	}
	return one
}

func (k *kept) alertRaised(r bridge.Record, data *desk.AlertRaised, zone *time.Location) {
	date, hour := when(&r.Event, zone)
	a := alertRef{ID: data.Alert, Origin: originOf(data), Source: sourceOf(data), Priority: data.Priority, Date: date, Count: 1}
	i := k.Incidents[data.Incident]
	if i != nil {
		i.raised(a, data)
	}
	one := k.open(date)
	if one == nil {
		return
	}
	one.Alerts++
	place, name := placeKey(data.Place, data.Report == nil, data.Device)
	for group, key := range map[string]string{
		"hour": hourKey(hour), "place": place, "beat": data.Place.Beat, "kind": kindOf(data), "source": a.Source, "priority": data.Priority,
	} {
		one.count(group, key)
	}
	if name != "" && len(one.Names) < keysMax {
		one.Names[place] = name
	}
	if a.Origin != "" {
		one.Sources[a.Origin]++
	}
}

func (d *openDay) count(group, key string) {
	if d.By[group] == nil {
		d.By[group] = map[string]int{}
	}
	if _, known := d.By[group][key]; !known && len(d.By[group]) >= keysMax {
		key = ""
	}
	d.By[group][key]++
}

// alertUpdated counts what was counted into an alert that was there.
func (k *kept) alertUpdated(r bridge.Record, data *desk.AlertUpdated) {
	i := k.Incidents[data.Incident]
	if i == nil {
		return
	}
	if data.Press != nil && data.Rings && i.State != desk.Open && i.State != desk.Closed {
		i.limited(data.Limit, data.AnswerBy)
	}
	for n := range i.Alerts {
		a := &i.Alerts[n]
		if a.ID != data.Alert || data.Count <= a.Count {
			continue
		}
		if one := k.open(a.Date); one != nil {
			one.Folded += data.Count - a.Count
		}
		a.Count = data.Count
	}
}

func (k *kept) incidentOpened(r bridge.Record, data *desk.IncidentOpened, zone *time.Location) {
	date, hour := when(&r.Event, zone)
	if date <= k.Low || data.Incident == "" || k.Incidents[data.Incident] != nil {
		return
	}
	i := &incident{
		Date: date, Hour: hour, Opened: ms(r.Event.RecordedTime), Priority: data.Priority, Kind: data.Kind, Beat: data.Place.Beat,
		State: desk.Open, Since: ms(r.Event.RecordedTime), Limit: ms(data.Limit), Given: max(0, ms(data.Limit)-ms(r.Event.RecordedTime)), Answer: -1, Arrive: -1, Whole: -1,
	}
	if data.Place.ID != "" {
		i.Place, i.Name = data.Place.ID, data.Place.Name
	}
	if data.Position != nil {
		cell := cellOf(*data.Position)
		i.Cell = &cell
	}
	k.open(date)
	k.Incidents[data.Incident] = i
}

func (k *kept) incidentChanged(r bridge.Record, data *desk.IncidentChanged) {
	i, other := k.Incidents[data.Incident], k.Incidents[data.Other]
	switch {
	case r.Event.Type == desk.TypeIncidentMerged && i != nil && other != nil && i != other:
		other.give(i, data.Alerts)
		for _, to := range other.Teams {
			i.sent(to)
		}
	case r.Event.Type == desk.TypeIncidentSplit && i != nil && other != nil && i != other:
		i.give(other, data.Alerts)
		other.split()
	}
	if i != nil {
		i.changed(&r.Event, data)
	}
}

// originOf names what told an alert; empty for people.
func originOf(data *desk.AlertRaised) string {
	switch {
	case data.Press != nil:
		return "pillar/" + data.Device
	case data.Sighting != nil:
		return "rule/" + data.Device + "/" + data.Sighting.Rule
	case data.Drone != nil:
		return "drone/" + data.Device
	}
	return ""
}

// splitOrigin reads what originOf wrote.
func splitOrigin(origin string) (kind, device, rule string) {
	parts := strings.SplitN(origin, "/", 3)
	for len(parts) < 3 {
		parts = append(parts, "")
	}
	return parts[0], parts[1], parts[2]
}

// sourceOf is where an alert came from.
func sourceOf(data *desk.AlertRaised) string {
	switch {
	case data.Press != nil:
		return "press"
	case data.Sighting != nil:
		return "sighting"
	case data.Report != nil:
		return data.Report.Source
	case data.Drone != nil:
		return "drone"
	}
	return "device"
}

// kindOf is an alert's kind as the incident that it opens would have it.
func kindOf(data *desk.AlertRaised) string {
	if data.Report != nil && data.Report.Kind != "" {
		return data.Report.Kind
	}
	return data.Kind
}

// placeKey is a configured place, else the device's spot. What a report says in
// free text may be somebody's address: it is not kept.
func placeKey(place desk.PlaceRef, device bool, id string) (key, name string) {
	switch {
	case place.ID != "":
		return place.ID, place.Name
	case device && id != "":
		return "device:" + id, place.Name
	}
	return "", ""
}

func hourKey(hour int) string { return fmt.Sprintf("%02d", hour) }

// cellOf is the square of about cellM metres that a position is in: rows count
// from the equator, columns from the zero meridian along the row's middle.
func cellOf(at ingest.Position) [2]int {
	y := int(math.Floor(at.Lat * degreeM / cellM))
	return [2]int{y, int(math.Floor(at.Lon * widthM(y) / cellM))}
}

// widthM is how many metres a degree of longitude has in a row of cells.
func widthM(y int) float64 {
	lat := (float64(y) + 0.5) * cellM / degreeM
	return max(1, degreeM*math.Cos(lat*math.Pi/180))
}

// cellCentre is the middle of a cell.
func cellCentre(y, x int) (lat, lon float64) {
	return (float64(y) + 0.5) * cellM / degreeM, (float64(x) + 0.5) * cellM / widthM(y)
}
