package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/evidence"
)

func TestVerifyCommand(t *testing.T) {
	dir := t.TempDir()
	key, err := evidence.OpenSigner(dir)
	require.NoError(t, err)
	var zip bytes.Buffer
	require.NoError(t, evidence.Write(t.Context(), &zip, evidence.Case{
		Incident: "01MINCIDENT", By: "王", Made: bridge.At(time.Now()), Events: func(func(bridge.Event, error) bool) {},
	}, key))
	good, bad, public := filepath.Join(dir, "good.zip"), filepath.Join(dir, "bad.zip"), filepath.Join(dir, evidence.PublicKeyFile)
	require.NoError(t, os.WriteFile(good, zip.Bytes(), 0o600))
	changed := bytes.Replace(zip.Bytes(), []byte("custody\": []"), []byte("custody\": {}"), 1)
	require.NoError(t, os.WriteFile(bad, changed, 0o600))

	said := func(want error, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		require.ErrorIs(t, command(append([]string{"verify"}, args...), &out, &errs), want)
		return out.String()
	}
	require.Contains(t, said(nil, good, "-key", public), "signed with the key that you gave, fingerprint "+key.Fingerprint())
	require.Contains(t, said(nil, "-key", public, good), "unchanged since it was signed")
	require.Contains(t, said(nil, good), "does not tell who signed it")
	require.Contains(t, said(errReported, bad, "-key", public), "custody.json: it was changed")

	var out bytes.Buffer
	for _, args := range [][]string{{}, {good, bad}, {good, "-key", good}, {good, "-key", "absent"}, {"absent"}, {dir}} {
		require.Error(t, command(append([]string{"verify"}, args...), &out, &out), args)
	}
}
