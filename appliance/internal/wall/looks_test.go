package wall

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// hands is a clock that is moved by hand.
type hands struct{ t time.Time }

func (h *hands) now() time.Time { return h.t }

func TestManyRequestsAreOneLook(t *testing.T) {
	clock := &hands{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	var recorded []desk.AccessIn
	l := newLooks(func(in desk.AccessIn) { recorded = append(recorded, in) })
	l.now = clock.now
	wang := caller{name: "wang", role: "operator", remote: "127.0.0.1"}
	began := clock.now()
	for range 5 {
		end := l.begin(wang, "east", "clip c/1")
		clock.t = clock.t.Add(3 * time.Second)
		end()
		end() // a body may be closed twice
		l.sweep(lookFolded)
	}
	l.begin(wang, "east", "live")
	require.Len(t, recorded, 2)
	require.Equal(t, "look_opened", recorded[0].Kind)
	last := clock.now()
	clock.t = clock.t.Add(lookFolded)
	l.sweep(lookFolded)
	require.Len(t, recorded, 3, "the clip's is over, the live one goes on")
	require.Equal(t, "looked", recorded[2].Kind)
	require.Equal(t, "clip c/1", recorded[2].Why)
	require.Equal(t, began, recorded[2].From)
	require.Equal(t, last, recorded[2].To)
	l.closeAll()
	require.Len(t, recorded, 4)
	require.Equal(t, clock.now(), recorded[3].To)
}

func TestRepeatedRefusalsAreFolded(t *testing.T) {
	clock := &hands{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	recorded := 0
	l := newLooks(func(desk.AccessIn) { recorded++ })
	l.now = clock.now
	for range 100 {
		l.refused(caller{}, "10.0.0.66", "forbidden GET /x")
	}
	l.refused(caller{}, "10.0.0.67", "forbidden GET /x")
	require.Equal(t, 2, recorded)
	clock.t = clock.t.Add(lookFolded)
	l.sweep(lookFolded)
	require.Empty(t, l.refusals)
	l.refused(caller{}, "10.0.0.66", "forbidden GET /x")
	require.Equal(t, 3, recorded)
}
