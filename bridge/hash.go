package bridge

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
)

// ZeroHash is the prevhash of a lane's first event in an epoch.
const ZeroHash = "sha256:0000000000000000000000000000000000000000000000000000000000000000"

// SequenceText writes a sequence the one way it is hashed and sent.
func SequenceText(n uint64) string {
	var text [sequenceDigits]byte
	putSequence(text[:], n)
	return string(text[:])
}

const sequenceDigits = 20 // the largest uint64 has as many

func putSequence(b []byte, n uint64) {
	for i := sequenceDigits - 1; i >= 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
}

// SequenceNumber reads a sequence as written by SequenceText.
func SequenceNumber(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || len(text) != sequenceDigits {
		return 0, fmt.Errorf("sequence %q: want 20 digits", text)
	}
	return n, nil
}

// Hash is the event's hash (journal.md, "Hash"): SHA-256 over the chained
// fields, each as a 4-byte big-endian length and its UTF-8 bytes.
func (e *Event) Hash() string {
	return hashText(sha256.Sum256(e.appendHashed(make([]byte, 0, 640), e.Time.String(), e.RecordedTime.String())))
}

func (e *Event) appendHashed(b []byte, occurred, recorded string) []byte {
	for _, field := range [...]string{
		e.Epoch, string(e.Lane), e.Sequence, e.ID, e.Source, e.Type, e.Subject, occurred, recorded,
		e.Severity, strconv.FormatBool(e.Drill), e.DataHash, e.PrevHash,
	} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(field)))
		b = append(b, field...)
	}
	return b
}

// DataHashOf is the hash of canonical data with its salt.
func DataHashOf(salt, canonical []byte) string {
	b := make([]byte, 0, len(salt)+len(canonical))
	b = append(b, salt...)
	b = append(b, canonical...)
	return hashText(sha256.Sum256(b))
}

func hashText(sum [sha256.Size]byte) string {
	b := make([]byte, 0, len("sha256:")+2*sha256.Size)
	b = append(b, "sha256:"...)
	return string(hex.AppendEncode(b, sum[:]))
}
