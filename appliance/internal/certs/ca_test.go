package certs

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A first start without a battery for the clock, before the network tells it.
func TestCAOfABoxWithoutAClock(t *testing.T) {
	dir := t.TempDir()
	ca, err := openCA(dir, "jingdong-a", []string{"localhost"}, time.Unix(60, 0))
	require.NoError(t, err)
	require.Greater(t, time.Until(ca.Expires()), 5*365*24*time.Hour)
	require.True(t, ca.cert.NotBefore.Before(time.Now()))

	again, err := OpenCA(dir, "jingdong-a", []string{"localhost"})
	require.NoError(t, err)
	require.Equal(t, ca.PEM(), again.PEM(), "the same CA at the next start")
}
