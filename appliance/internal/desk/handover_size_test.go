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
	r := busy(t, 400)
	f := &flood{t: t, rules: r.rules, state: r.state, now: r.now, n: r.state.Place()}
	for _, inc := range r.state.OpenIncidents() {
		f.do(desk.ActionIn{Incident: inc.ID, Verb: "claim", By: operator("li")})
		if inc.Number%2 == 0 {
			f.do(desk.TaskIn{To: fmt.Sprint("somebody-", inc.Number), Note: strings.Repeat("看", 60), Incident: inc.ID, By: operator("li")})
		}
	}
	out, in := operator("li"), operator("zhao")
	for _, note := range []string{strings.Repeat("夜", 1365), strings.Repeat(`"`, 4096), strings.Repeat("\n", 4096)} {
		f.fits(desk.HandoverIn{Note: note, PassClaims: true, By: out})
		open := f.state.Handover()
		require.Len(t, open.Page.Claims, 200)
		f.fits(desk.TakeOverIn{Handover: open.ID, SHA256: open.SHA256, By: in})
		require.Nil(t, f.state.Handover())
		out, in = in, out
	}
	_, _, err := r.try(desk.HandoverIn{Note: "\x01", By: out})
	require.ErrorContains(t, err, "words and lines")
}
