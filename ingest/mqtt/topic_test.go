package mqtt

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Examples of MQTT 3.1.1, section 4.7.1.
func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, topic string
		want           bool
	}{
		{"sport/tennis/player1/#", "sport/tennis/player1", true},
		{"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
		{"sport/#", "sport", true},
		{"#", "a/b/c", true},
		{"sport/tennis/+", "sport/tennis/player1", true},
		{"sport/tennis/+", "sport/tennis/player1/ranking", false},
		{"sport/+", "sport", false},
		{"sport/+", "sport/", true},
		{"+/+", "/finance", true},
		{"/+", "/finance", true},
		{"+", "/finance", false},
		{"pillar/+/press", "pillar/P-001/press", true},
		{"pillar/+/press", "pillar/P-001/press/x", false},
		{"pillar/+/press", "pillar/P-001", false},
		{"a", "a/b", false},
		{"a/b", "a", false},
	} {
		require.Equal(t, c.want, match(c.pattern, c.topic), "%s on %s", c.pattern, c.topic)
	}
}
