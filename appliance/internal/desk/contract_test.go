package desk_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/schema/schematest"
)

// contracts checks every event that the desk writes in any test of this package
// against its schema.
var contracts = sync.OnceValue(schematest.New)

// TestMain asks, when all tests ran, whether an event of every type was seen: a
// schema that no event has met says nothing.
func TestMain(m *testing.M) {
	code := m.Run()
	chosen := flag.Lookup("test.run").Value.String() + flag.Lookup("test.skip").Value.String() + flag.Lookup("test.list").Value.String()
	if unmet := contracts().Unmet(); code == 0 && chosen == "" && !testing.Short() && len(unmet) > 0 {
		fmt.Fprintln(os.Stderr, "no test of the desk writes these events:", unmet)
		code = 1
	}
	os.Exit(code)
}

// TestTypesOfOneInput: inputs whose kind makes the type, with each kind once.
func TestTypesOfOneInput(t *testing.T) {
	r := newRoom(t)
	for _, typ := range desk.AccessTypes() {
		kind := strings.TrimPrefix(typ, "watchpost.access.")
		records, _ := r.do(desk.AccessIn{Kind: kind, By: lead("chen"), Camera: "gate", From: start(), To: r.now, Remote: "10.0.0.9", Why: "w", Note: "n"})
		require.Equal(t, []string{"access." + kind}, types(records))
	}
	for _, state := range []string{"online", "degraded", "tampered", "silent", "offline"} {
		records, _ := r.after(time.Second).do(desk.DeviceIn{Device: "P-1", Type: "pillar", State: state, Since: r.now, Why: "w"})
		require.Equal(t, []string{"device." + state}, types(records))
	}
	records, _ := r.do(desk.ConfigChangedIn{What: "cameras", By: lead("chen"), Added: []string{"gate"}})
	require.Equal(t, []string{"config.changed"}, types(records))
}
