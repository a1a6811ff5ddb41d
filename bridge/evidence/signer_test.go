package evidence_test

import (
	"crypto"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge/evidence"
)

func TestKeyIsMadeOnceAndKeptPrivate(t *testing.T) {
	dir := t.TempDir()
	var wait sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids { // as if several processes started at once
		wait.Go(func() {
			s, err := evidence.OpenSigner(dir)
			if err == nil {
				ids[i] = s.Fingerprint()
			}
		})
	}
	wait.Wait()
	for _, id := range ids {
		require.Equal(t, ids[0], id)
		require.Regexp(t, `^([0-9A-F]{4} ){7}[0-9A-F]{4}$`, id)
	}
	info, err := os.Stat(filepath.Join(dir, evidence.PrivateKeyFile))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 2, "no temporary file stays")

	b, err := os.ReadFile(filepath.Join(dir, evidence.PublicKeyFile))
	require.NoError(t, err)
	key, err := evidence.ParsePublicKey(b)
	require.NoError(t, err)
	s, err := evidence.OpenSigner(dir)
	require.NoError(t, err)
	sig, err := s.Sign(nil, []byte("x"), crypto.Hash(0))
	require.NoError(t, err)
	require.True(t, ed25519.Verify(key, []byte("x"), sig))
	require.Equal(t, ids[0], evidence.Fingerprint(key))
}

func TestKeyThatIsNoneIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"readable by others": {"", 0o644, "others may read it"},
		"empty":              {"", 0o600, "no PEM PRIVATE KEY"},
		"not a key":          {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 0o600, "asn1"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, evidence.PrivateKeyFile)
		require.NoError(t, os.WriteFile(path, []byte(c.text), c.mode))
		_, err := evidence.OpenSigner(dir)
		require.ErrorContains(t, err, c.want, name)
		require.ErrorContains(t, err, path, name)
		kept, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, c.text, string(kept), "it is left alone")
	}
	_, err := evidence.OpenSigner(filepath.Join(t.TempDir(), "absent"))
	require.Error(t, err)
	_, err = evidence.ParsePublicKey([]byte("x"))
	require.Error(t, err)
}
