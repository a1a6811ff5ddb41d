package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
)

// rangeHasher hashes consecutive stretches of what is written to it. What
// comes after the last stretch is left out.
type rangeHasher struct {
	pieces []Piece
	sums   []string // of the stretches that are complete
	left   int64
	hash   hash.Hash
}

func newRangeHasher(pieces []Piece) *rangeHasher {
	h := &rangeHasher{pieces: pieces, hash: sha256.New()}
	if len(pieces) > 0 {
		h.left = pieces[0].Bytes
	}
	return h
}

// Write never fails.
func (h *rangeHasher) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && len(h.sums) < len(h.pieces) {
		k := min(int64(len(p)), h.left)
		h.hash.Write(p[:k])
		p = p[k:]
		if h.left -= k; h.left > 0 {
			break
		}
		h.sums = append(h.sums, hex.EncodeToString(h.hash.Sum(nil)))
		h.hash.Reset()
		if i := len(h.sums); i < len(h.pieces) {
			h.left = h.pieces[i].Bytes
		}
	}
	return n, nil
}

// changed are the stretches whose bytes differ or never came.
func (h *rangeHasher) changed() []Piece {
	var out []Piece
	for i, p := range h.pieces {
		if i >= len(h.sums) || h.sums[i] != p.SHA256 {
			out = append(out, p)
		}
	}
	return out
}
