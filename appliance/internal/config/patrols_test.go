package config

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const patrolled = `
station: {id: test}
cameras:
  - {id: gate, streams: {main: "rtsp://10.0.0.1/main"}, zones: {yard: [[0, 0], [1, 0], [1, 1]]}, rules: [{name: night, kind: intrusion, zone: yard}]}
  - {id: shop, streams: {main: "rtsp://10.0.0.2/main"}}
uplinks:
  - {name: hq, url: "mqtt://hq.example:1883"}
  - {name: clips, url: "mqtt://other.example:1883", lanes: [clip]}
`

func TestPatrolsAndDrills(t *testing.T) {
	c, err := Parse([]byte(patrolled+`
patrols:
  - {id: street, cameras: [gate, shop], times: ["08:00", "23:45"]}
drills:
  - {id: one, target: "rule:gate/night", at: "10:00"}
  - {id: two, target: "uplink:hq", at: "10:00", every: 7d}
`), t.TempDir(), Supported{})
	require.NoError(t, err)
	p := c.Patrols[0]
	require.Equal(t, []string{"street", "15s", "30m0s", "[08:00 23:45]"}, []string{p.Name, text(p.Dwell), text(p.Within), text(p.Times)})
	require.Equal(t, Weekdays(), p.Days)
	require.Equal(t, []string{"720h0m0s", "720h0m0s", "5m0s"}, []string{text(c.Drills[0].Every), text(c.DrillAfter), text(c.DrillWithin)})
}

func TestBadPatrolsAndDrills(t *testing.T) {
	for body, want := range map[string]string{
		`patrols: [{id: a, cameras: [gate, none]}]`:                                                      `patrols[0].cameras[1]: "none" is not among the cameras`,
		`patrols: [{id: a, cameras: [gate, gate]}]`:                                                      `patrols[0].cameras[1]: "gate" is walked already; write each camera once`,
		`patrols: [{id: a}]`:                                                                             `patrols[0].cameras: names 0 cameras; write 1 to 200 ids, in the order of the walk`,
		`patrols: [{id: a, cameras: [gate]}, {id: a, cameras: [gate]}]`:                                  `patrols[1].id: "a" is used twice; give each its own`,
		`patrols: [{id: a, cameras: [gate, shop], dwell: 1m, within: 1m}]`:                               `patrols[0].within: 1m0s; write 1m to 12h, and at least what the walk takes: 2 cameras for 1m0s each are 2m0s`,
		`patrols: [{id: a, cameras: [gate], dwell: 0s}]`:                                                 `patrols[0].dwell: 0s; write 1s to 10m`,
		`patrols: [{id: a, cameras: [gate], days: [today]}]`:                                             `patrols[0].days[0]: "today"; write one of sun, mon, tue, wed, thu, fri, sat`,
		`patrols: [{id: a, cameras: [gate], days: [mon, mon]}]`:                                          `patrols[0].days[1]: "mon" is named already; write each day once`,
		`patrols: [{id: a, cameras: [gate], times: ["8:00"]}]`:                                           `patrols[0].times[0]: "8:00" is no time of the day; write it like 08:00, in station time (line 9)`,
		`patrols: [{id: a, cameras: [gate], times: ["00:10", "23:50"]}]`:                                 `patrols[0].times: 23:50 and 00:10 are 20m0s apart; write them at least within (30m0s) apart`,
		`patrols: [{id: a, cameras: [gate], times: ["08:00", "08:00"]}]`:                                 `patrols[0].times: 08:00 and 08:00 are 0s apart; write them at least within (30m0s) apart`,
		`drills: [{id: a, target: "pillar:none", at: "10:00"}]`:                                          `drills[0].target: "pillar:none"; it is not among the pillars`,
		`drills: [{id: a, target: "rule:gate/day", at: "10:00"}]`:                                        `drills[0].target: "rule:gate/day"; there is no such camera with such a rule; write rule:{camera}/{rule}`,
		`drills: [{id: a, target: "uplink:clips", at: "10:00"}]`:                                         `drills[0].target: "uplink:clips"; it is not among the uplinks that carry lane alarm`,
		`drills: [{id: a, target: "gate", at: "10:00"}]`:                                                 `drills[0].target: "gate"; write pillar:{id}, rule:{camera}/{rule} or uplink:{name}`,
		`patrols: [{id: a, cameras: [gate], times: ["24:00"]}]`:                                          `patrols[0].times[0]: "24:00" is the end of a day; write 00:00, where the next one begins`,
		`drills: [{id: a, target: "uplink:hq", at: "24:00"}]`:                                            `drills[0].at: "24:00" is the end of a day; write 00:00, where the next one begins`,
		`drills: [{id: a, target: "uplink:hq"}]`:                                                         `drills[0].at: is empty; write a time of the day like 10:00, in station time`,
		`drills: [{id: a, target: "uplink:hq", at: "10:00", every: 36h}]`:                                `drills[0].every: 36h0m0s; write whole days, 1d to 366d`,
		`drills: [{id: a, target: "uplink:hq", at: "10:00"}, {id: b, target: "uplink:hq", at: "11:00"}]`: `drills[1].target: "uplink:hq" is drilled by a already; write each target once`,
		`drill_after: 1h`:  `drill_after: 1h0m0s; write 1d to 3660d`,
		`drill_within: 1s`: `drill_within: 1s; write 10s to 1h`,
	} {
		_, err := Parse([]byte(patrolled+body), t.TempDir(), Supported{})
		var ps Problems
		require.ErrorAs(t, err, &ps, body)
		require.Equal(t, want, ps.Error())
	}
}

// text is a value as a message writes it.
func text(v any) string {
	switch v := v.(type) {
	case Duration:
		return time.Duration(v).String()
	}
	return fmt.Sprint(v)
}
