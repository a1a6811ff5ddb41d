package access_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
)

func TestChangesBesideTheWallAreToldOnce(t *testing.T) {
	dir := t.TempDir()
	box, tool := openUsers(t, dir), openUsers(t, dir)
	require.NoError(t, tool.Add("wang", "correct horse", access.Operator))
	told, err := access.OpenTold(dir, box)
	require.NoError(t, err)
	var heard []string
	tell := func(_, what string) error {
		heard = append(heard, what)
		return nil
	}
	require.Error(t, told.Tell(func(string, string) error { return errors.New("journal full") }))
	require.NoError(t, told.Tell(tell), "comes again")
	require.NoError(t, box.Add("li", "correct horse", access.Lead))
	require.NoError(t, told.Tell(tell), "the wall tells of its own")
	box.Said("li", true)
	require.NoError(t, told.Tell(tell))
	require.NoError(t, box.Add("sun", "correct horse", access.Admin))
	require.NoError(t, told.Tell(tell), "it is trying")
	box.Said("sun", false) // the journal was full
	require.NoError(t, told.Tell(tell))
	require.NoError(t, tool.Disable("wang"))
	require.NoError(t, told.Tell(tell))
	require.NoError(t, tool.Passwd("li", "battery staple"))

	again, err := access.OpenTold(dir, openUsers(t, dir)) // after a restart
	require.NoError(t, err)
	require.NoError(t, again.Tell(tell))
	require.NoError(t, again.Tell(tell))
	require.Equal(t, []string{
		"made wang, role operator, on the box", "made sun, role admin, on the box", "changed wang: disabled, on the box",
		"changed li: new password or other limits, on the box",
	}, heard)
}
