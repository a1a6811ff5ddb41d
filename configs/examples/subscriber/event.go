package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

const zeroHash = "sha256:0000000000000000000000000000000000000000000000000000000000000000"

// event is what this program reads of an event; wire is all of it.
type event struct {
	ID           string          `json:"id"`
	Source       string          `json:"source"`
	Type         string          `json:"type"`
	Time         string          `json:"time"`
	RecordedTime string          `json:"recordedtime"`
	Subject      string          `json:"subject"`
	Epoch        string          `json:"epoch"`
	Lane         string          `json:"lane"`
	Sequence     string          `json:"sequence"`
	PrevHash     string          `json:"prevhash"`
	DataHash     string          `json:"datahash"`
	DataSalt     string          `json:"datasalt"`
	Severity     string          `json:"severity"`
	Drill        bool            `json:"drill"`
	Data         json.RawMessage `json:"data"`

	wire   []byte
	number uint64
	hash   string
}

func decode(wire []byte) (*event, error) {
	if bytes.ContainsAny(wire, "\r\n") {
		return nil, errors.New("has a line break: not the bytes that the box wrote")
	}
	e := &event{wire: wire}
	if err := json.Unmarshal(wire, e); err != nil {
		return nil, err
	}
	number, err := strconv.ParseUint(e.Sequence, 10, 64)
	if err != nil || number == 0 || len(e.Sequence) != 20 {
		return nil, fmt.Errorf("sequence %q: want 20 digits", e.Sequence)
	}
	e.number, e.hash = number, e.chained()
	return e, nil
}

// chained is the event's hash: the chained fields, each as a 4-byte length and
// its UTF-8 bytes.
func (e *event) chained() string {
	var b []byte
	for _, field := range []string{
		e.Epoch, e.Lane, e.Sequence, e.ID, e.Source, e.Type, e.Subject, e.Time, e.RecordedTime,
		e.Severity, strconv.FormatBool(e.Drill), e.DataHash, e.PrevHash,
	} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(field)))
		b = append(b, field...)
	}
	return text(sha256.Sum256(b))
}

// dataFits reports whether data is what was hashed. Data that is withheld from
// us, or erased by law, leaves the chain whole.
func (e *event) dataFits() bool {
	if e.Data == nil {
		return true
	}
	salt, err := hex.DecodeString(e.DataSalt)
	return err == nil && e.DataHash == text(sha256.Sum256(append(salt, e.Data...)))
}

func text(sum [sha256.Size]byte) string { return "sha256:" + hex.EncodeToString(sum[:]) }

// gone is a range that the box no longer has; hash is that of the last.
type gone struct {
	Lane string      `json:"lane"`
	From json.Number `json:"from"`
	To   json.Number `json:"to"`
	Hash string      `json:"hash"`
}

// retired reads journal.retired, as far as it speaks of the lane.
func (e *event) retired(lane string) (gone, bool) {
	var g gone
	if e.Type != "watchpost.journal.retired" || json.Unmarshal(e.Data, &g) != nil {
		return g, false
	}
	return g, g.Lane == lane
}
