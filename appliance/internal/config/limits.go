package config

import "time"

// Limits are how long an incident may stand in a state, by priority, how often
// an order may be overdue, and how long its report waits for a judgement.
type Limits struct {
	P0      Limit   `yaml:"P0"`
	P1      Limit   `yaml:"P1"`
	P2      Limit   `yaml:"P2"`
	P3      Limit   `yaml:"P3"`
	Overdue Overdue `yaml:"overdue"`
	// Judge is how long a report may wait for who issued the order to confirm or
	// return it; 0: for ever.
	Judge Duration `yaml:"judge"`
}

// ByPriority are the limits of incidents.
func (l *Limits) ByPriority() map[string]Limit {
	return map[string]Limit{"P0": l.P0, "P1": l.P1, "P2": l.P2, "P3": l.P3}
}

// Limit is how long an incident of one priority may stay in a state.
type Limit struct {
	Open         Duration `yaml:"open"`
	Acknowledged Duration `yaml:"acknowledged"`
	Dispatched   Duration `yaml:"dispatched"`
	OnScene      Duration `yaml:"on_scene"`
}

// Overdue is from how many overdue orders of one receiver within a time each is
// flagged: a talk.
type Overdue struct {
	Count  int      `yaml:"count"`
	Within Duration `yaml:"within"`
}

func defaultLimits() Limits {
	minutes := func(n int) Duration { return Duration(time.Duration(n) * time.Minute) }
	return Limits{
		P0:      Limit{Open: minutes(1), Acknowledged: minutes(5), Dispatched: minutes(10), OnScene: minutes(2 * 60)},
		P1:      Limit{Open: minutes(3), Acknowledged: minutes(10), Dispatched: minutes(20), OnScene: minutes(4 * 60)},
		P2:      Limit{Open: minutes(15), Acknowledged: minutes(60), Dispatched: minutes(2 * 60), OnScene: minutes(8 * 60)},
		P3:      Limit{Open: minutes(12 * 60), Acknowledged: minutes(24 * 60)},
		Overdue: Overdue{Count: 3, Within: Duration(7 * 24 * time.Hour)},
		Judge:   Duration(24 * time.Hour),
	}
}

func (l *Limits) validate(ps *Problems) {
	between("limits.overdue.count", float64(l.Overdue.Count), 2, 100, ps)
	// What ended longer ago has left the room's state.
	if d := time.Duration(l.Overdue.Within); d < time.Hour || d > 7*24*time.Hour {
		ps.add("limits.overdue.within", "%s; write 1h to 7d", d)
	}
	if d := time.Duration(l.Judge); d != 0 && (d < time.Minute || d > 30*24*time.Hour) {
		ps.add("limits.judge", "%s; write 1m to 30d, or 0: nobody is reminded", d)
	}
}
