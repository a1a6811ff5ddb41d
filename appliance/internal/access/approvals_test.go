package access_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
)

func TestApprovalIsAnothersWithinTenMinutesAndTakenOnce(t *testing.T) {
	c := newClock()
	all := access.NewApprovals(c.now)
	a, made, err := all.Request("unmask", "clips/x/1", "court", "lead")
	require.NoError(t, err)
	require.True(t, made)
	_, err = all.Take(a.ID, "unmask", "clips/x/1", "lead")
	require.ErrorIs(t, err, access.ErrApproval, "not approved")
	_, err = all.Approve(a.ID, "lead")
	require.ErrorIs(t, err, access.ErrSamePerson)
	c.add(9 * time.Minute)
	_, err = all.Approve(a.ID, "zhou")
	require.NoError(t, err)
	for name, wrong := range map[string][3]string{
		"another act": {"erase", "clips/x/1", "lead"}, "another clip": {"unmask", "clips/y/1", "lead"}, "another person": {"unmask", "clips/x/1", "zhou"},
	} {
		_, err = all.Take(a.ID, wrong[0], wrong[1], wrong[2])
		require.ErrorIs(t, err, access.ErrApproval, name)
	}
	_, err = all.Take(a.ID, "unmask", "clips/x/1", "lead")
	require.NoError(t, err)
	_, err = all.Take(a.ID, "unmask", "clips/x/1", "lead")
	require.ErrorIs(t, err, access.ErrApproval, "once")

	a, _, err = all.Request("unmask", "clips/x/1", "court", "lead")
	require.NoError(t, err)
	c.add(10 * time.Minute)
	_, err = all.Approve(a.ID, "zhou")
	require.ErrorIs(t, err, access.ErrApproval, "too late")
	require.Empty(t, all.List())
}
