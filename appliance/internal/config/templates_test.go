package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A step may be done by the arrival itself, and by no other verb.
func TestStepDoneByArriving(t *testing.T) {
	const text = good + "\ntemplates: [{id: go, name: 到场处置, steps: [{name: 到场, limit: 10m, done_by: arrive}, {name: 拍照}]}]\n"
	c, err := Parse([]byte(text), folder(t), Supported{})
	require.NoError(t, err)
	require.Equal(t, []string{"arrive", ""}, []string{c.Templates[0].Steps[0].DoneBy, c.Templates[0].Steps[1].DoneBy})
	_, err = Parse([]byte(good+"\ntemplates: [{id: go, name: 到场处置, steps: [{name: 到场, done_by: report}]}]\n"), folder(t), Supported{})
	require.ErrorContains(t, err, `templates[0].steps[0].done_by: "report"; write one of arrive`)
}
