package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

// counterStream is the byte stream of testdata/golden.py.
type counterStream struct {
	n    uint64
	left []byte
}

func (s *counterStream) Read(p []byte) (int, error) {
	for len(s.left) < len(p) {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, s.n))
		s.left = append(s.left, sum[:]...)
		s.n++
	}
	n := copy(p, s.left)
	s.left = s.left[n:]
	return n, nil
}

// The golden journal: numbers, hashes and bytes as a second implementation
// (testdata/golden.py) computed them. If this fails, the journal of every box
// in the field would become unreadable: the code is wrong, not the file.
func TestGoldenJournal(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("testdata", "golden.json"))
	require.NoError(t, err)
	var golden struct {
		Source  string
		Epoch   string
		EpochMS int64 `json:"epoch_ms"`
		Drafts  []struct {
			bridge.Draft
		}
		Records []struct {
			Place        uint64
			Hash, Stored string
		}
	}
	require.NoError(t, json.Unmarshal(content, &golden))
	j, err := Open(Options{Dir: t.TempDir(), Source: golden.Source, Rand: &counterStream{}, Now: func() time.Time { return time.UnixMilli(golden.EpochMS) }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	require.Equal(t, golden.Epoch, j.Epoch())
	drafts := make([]bridge.Draft, len(golden.Drafts))
	for i := range golden.Drafts {
		drafts[i] = golden.Drafts[i].Draft
	}
	records := appendWait(t, j, drafts...)
	require.Len(t, records, len(golden.Records))
	for i, want := range golden.Records {
		require.Equal(t, want.Place, records[i].Place)
		require.Equal(t, want.Hash, records[i].Event.Hash())
		stored, err := hex.DecodeString(want.Stored)
		require.NoError(t, err)
		require.NoError(t, j.db.View(func(txn *badger.Txn) error {
			value, err := getValue(txn, eventKey(want.Place))
			require.Equal(t, string(stored), string(value))
			return err
		}))
		decoded, err := decodeRecord(want.Place, stored)
		require.NoError(t, err)
		require.Equal(t, records[i], decoded)
		require.NoError(t, CheckData(&decoded.Event))
	}
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add(encodeRecord("", []byte(`{"id":"a"}`)))
	f.Add(encodeRecord("press/P-001/1", []byte(`{"id":"a","data":{}}`)))
	f.Add([]byte{recordVersion, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, b []byte) {
		record, err := decodeRecord(1, b)
		if err != nil {
			return
		}
		wire, err := record.Event.Encode()
		if err != nil {
			return
		}
		again, err := decodeRecord(1, encodeRecord(record.Key, wire))
		require.NoError(t, err)
		require.Equal(t, record.Key, again.Key)
	})
}
