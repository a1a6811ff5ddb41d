package review

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// FuzzFold: whatever stands in an event, the projection goes on, the same
// events give the same bytes, and what it counts has room in an event.
func FuzzFold(f *testing.F) {
	for typ, text := range map[string]string{
		desk.TypeAlertRaised:          `{"alert":"b","incident":"i","kind":"intrusion","priority":"P1","device":"cam","place":{"id":"p","beat":"b1"},"sighting":{"rule":"r"},"limit":"2026-03-02T13:00:00.000Z"}`,
		desk.TypeAlertUpdated:         `{"alert":"a","incident":"i","count":7,"rings":true,"press":{},"limit":"2026-03-02T13:00:00.000Z"}`,
		desk.TypeIncidentOpened:       `{"incident":"j","priority":"P0","kind":"alarm","position":{"lat":1e300,"lon":-1e300}}`,
		desk.TypeIncidentAcknowledged: `{"incident":"i","state":"acknowledged","by":"li"}`,
		desk.TypeIncidentMerged:       `{"incident":"i","other":"i","state":"open","alerts":["a"]}`,
		desk.TypeIncidentSplit:        `{"incident":"i","other":"k","state":"open","alerts":["a","a"]}`,
		desk.TypeIncidentScored:       `{"incident":"i","by":"lead","points":-3,"steps":[{"by":"li","points":10}]}`,
		desk.TypeTaskIssued:           `{"task":"t","incident":"i","to":"team-1","kind":"push"}`,
		desk.TypeTaskReported:         `{"task":"t","state":"reported"}`,
		desk.TypeJournalRetired:       `{"through":1}`,
		desk.TypeReviewDay:            `{"date":"2026-03-02","revision":4,"counts":{"waits":[{"buckets":[[-5,1],[99999,3]]}]}}`,
		desk.TypeReviewPeople:         `{"date":"x","revision":-1,"people":[{"person":"li"}]}`,
	} {
		f.Add(typ, []byte(text))
	}
	f.Fuzz(func(t *testing.T, typ string, text []byte) {
		fold := func() []byte {
			k, at := newKept("E", "UTC"), time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
			k.fold(record(1, at, desk.TypeIncidentOpened, `{"incident":"i","priority":"P2","kind":"x"}`), time.UTC)
			k.fold(record(2, at, desk.TypeIncidentOpened, `{"incident":"k","priority":"P2","kind":"x"}`), time.UTC)
			k.fold(record(3, at, desk.TypeAlertRaised, `{"incident":"i","alert":"a","priority":"P2","kind":"x","press":{}}`), time.UTC)
			k.fold(record(4, at, typ, string(text)), time.UTC)
			k.fold(record(5, at, desk.TypeIncidentClosed, `{"incident":"i","state":"closed","result":"resolved","by":"li"}`), time.UTC)
			k.fold(record(6, at.AddDate(0, 0, 50), typ, string(text)), time.UTC)
			r, err := k.report(Query{From: "2026-03-01", To: "2026-05-01"})
			require.NoError(t, err)
			counts, err := json.Marshal(r.Totals)
			require.NoError(t, err)
			kept, err := json.Marshal(k)
			require.NoError(t, err)
			return append(kept, counts...)
		}
		require.Equal(t, string(fold()), string(fold()))
	})
}
