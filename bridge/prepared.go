package bridge

import (
	"crypto/sha256"
	"fmt"
)

// Prepared is an event encoded, and ready to be hashed, but for its number and
// its place in the chain. Both have one length, so Chain has little to do: it is
// the only part of an append that cannot be done by many at once.
type Prepared struct {
	Stored []byte // what Prepare was given, and the event's wire form

	hashed                   []byte
	sequenceAt, prevHashAt   int // in Stored
	hashedSequence, hashedAt int // of sequence and prevhash in hashed
}

// Prepare encodes the event behind the bytes before. Its data has to be compact;
// its sequence and prevhash are Chain's to give.
func (e *Event) Prepare(before []byte) (Prepared, error) {
	e.Sequence, e.PrevHash = SequenceText(0), ZeroHash
	occurred, recorded := e.Time.String(), e.RecordedTime.String()
	w := wire{b: make([]byte, 0, len(before)+640+len(e.Subject)+len(e.Data))}
	w.b = append(w.b, before...)
	w.head(e, occurred, recorded)
	if w.err != nil {
		return Prepared{}, fmt.Errorf("encode event %s: %w", e.ID, w.err)
	}
	if len(e.Data) > 0 {
		w.b = append(w.b, `,"data":`...)
		w.b = append(w.b, e.Data...)
	}
	w.b = append(w.b, '}')
	hashed := e.appendHashed(make([]byte, 0, 640), occurred, recorded)
	return Prepared{
		Stored: w.b, sequenceAt: w.sequenceAt, prevHashAt: w.prevHash,
		hashed: hashed, hashedSequence: 4 + len(e.Epoch) + 4 + len(e.Lane) + 4, hashedAt: len(hashed) - len(ZeroHash),
	}, nil
}

// Chain gives the event its number and what it follows, a hash as long as
// ZeroHash, and returns its own.
func (p *Prepared) Chain(e *Event, sequence uint64, prevHash string) string {
	digits := p.Stored[p.sequenceAt:][:sequenceDigits]
	putSequence(digits, sequence)
	copy(p.hashed[p.hashedSequence:], digits)
	copy(p.Stored[p.prevHashAt:][:len(ZeroHash)], prevHash)
	copy(p.hashed[p.hashedAt:], prevHash)
	e.Sequence, e.PrevHash = string(digits), prevHash
	return hashText(sha256.Sum256(p.hashed))
}
