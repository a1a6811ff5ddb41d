package desk_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// What one could sign the other can sign too: the longest note, as many claims
// as go along, and a room that is full.
func TestTheLargestHandoverIsTaken(t *testing.T) {
	for name, note := range map[string]string{
		"words": strings.Repeat("夜", 1365), "quotes": strings.Repeat(`"`, 4096), "lines": strings.Repeat("\n", 4096),
	} {
		t.Run(name, func(t *testing.T) {
			r := busy(t, 400)
			for _, inc := range r.state.OpenIncidents() {
				f := &flood{t: t, rules: r.rules, state: r.state, now: r.now, n: r.state.Place()}
				f.do(desk.ActionIn{Incident: inc.ID, Verb: "claim", By: operator("li")})
				if inc.Number%2 == 0 {
					f.do(desk.TaskIn{To: fmt.Sprint("somebody-", inc.Number), Note: strings.Repeat("看", 60), Incident: inc.ID, By: operator("li")})
				}
			}
			_, _, err := r.try(desk.HandoverIn{Note: "\x01", By: operator("li")})
			require.ErrorContains(t, err, "words and lines")
			f := &flood{t: t, rules: r.rules, state: r.state, now: r.now, n: r.state.Place()}
			f.fits(desk.HandoverIn{Note: note, PassClaims: true, By: operator("li")})
			open := f.state.Handover()
			require.Len(t, open.Page.Claims, 200)
			f.fits(desk.TakeOverIn{Handover: open.ID, SHA256: open.SHA256, By: operator("zhao")})
			require.Nil(t, f.state.Handover())
		})
	}
}
