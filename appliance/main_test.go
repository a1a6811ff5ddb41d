package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a command does not understand it refuses, once, with what would have
// been right.
func TestCommandsRefuseWhatTheyDoNotUnderstand(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "station.yaml")
	require.NoError(t, os.WriteFile(file, []byte("station: {id: x}\ndata: {dir: data}\n"), 0o600))
	for _, tc := range []struct {
		args []string
		want string // of the error; "": what is wrong was said already
	}{
		{[]string{"frobnicate"}, "unknown command \"frobnicate\"; `watchpost help` lists them"},
		{[]string{"check"}, "-config is missing"},
		{[]string{"check", "-config", file, "extra"}, "unexpected \"extra\"; `watchpost check -h` shows the flags"},
		{[]string{"run", file}, "unexpected"},
		{[]string{"journal", "tail", "-config", file, "20"}, "unexpected \"20\"; `watchpost journal tail -h` shows the flags"},
		{[]string{"journal"}, "say what to do: tail, export, verify, salvage or restored"},
		{[]string{"check", "-konfig", file}, ""},
		{[]string{"journal", "tail", "-n", "many"}, ""},
	} {
		var out, errs bytes.Buffer
		err := command(tc.args, &out, &errs)
		require.Error(t, err, tc.args)
		require.Empty(t, out.String(), tc.args)
		if tc.want == "" {
			require.ErrorIs(t, err, errReported, tc.args)
			require.NotEmpty(t, errs.String(), tc.args)
			continue
		}
		require.ErrorContains(t, err, tc.want, tc.args)
	}
	var out, errs bytes.Buffer
	require.NoError(t, command([]string{"check", "-config", file}, &out, &errs), out.String())
	require.Contains(t, out.String(), "is good: station x, 0 cameras")
	require.True(t, errors.Is(command([]string{"check", "-h"}, &out, &errs), flag.ErrHelp))
}
