package hq

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/gowebpki/jcs"
)

// zeroHash is the prevhash of a lane's first event (journal.md, "Hash").
const zeroHash = "sha256:0000000000000000000000000000000000000000000000000000000000000000"

// typeRetired names the event that stands for a range of its lane that the
// box no longer has.
const typeRetired = "watchpost.journal.retired"

// event is what headquarters reads of a CloudEvent: the chained fields as the
// exact strings that came, and the data.
type event struct {
	id, source, kind, subject, time, recorded string
	epoch, lane, sequence, prevhash, datahash string
	salt, severity                            string
	drill                                     bool
	data                                      json.RawMessage

	number uint64 // of sequence
}

// decodeEvent reads an event and refuses one without the fields that
// receiving needs. The event is returned as far as it was understood, so that
// a refusal can name it. It is written from journal.md, not from our encoder.
func decodeEvent(payload []byte) (*event, error) {
	var fields map[string]json.RawMessage
	e := &event{}
	if err := json.Unmarshal(payload, &fields); err != nil {
		return e, fmt.Errorf("read event: %w", err)
	}
	var errs []error
	var version string
	for _, f := range []struct {
		name string
		to   *string
	}{
		{"id", &e.id}, {"source", &e.source}, {"type", &e.kind}, {"subject", &e.subject}, {"time", &e.time},
		{"recordedtime", &e.recorded}, {"epoch", &e.epoch}, {"lane", &e.lane}, {"sequence", &e.sequence},
		{"prevhash", &e.prevhash}, {"datahash", &e.datahash}, {"datasalt", &e.salt}, {"severity", &e.severity}, {"specversion", &version},
	} {
		if raw, ok := fields[f.name]; ok {
			if err := json.Unmarshal(raw, f.to); err != nil {
				errs = append(errs, fmt.Errorf("%s: want a string", f.name))
			}
		}
	}
	if raw, ok := fields["drill"]; ok {
		if err := json.Unmarshal(raw, &e.drill); err != nil {
			errs = append(errs, errors.New("drill: want true or false"))
		}
	}
	if data := fields["data"]; !bytes.Equal(data, []byte("null")) {
		e.data = data
	}
	if version != "1.0" {
		errs = append(errs, fmt.Errorf("specversion %q: want 1.0", version))
	}
	errs = append(errs, e.checkFields()...)
	return e, errors.Join(errs...)
}

func (e *event) checkFields() (errs []error) {
	for _, f := range []struct{ name, value string }{
		{"id", e.id}, {"source", e.source}, {"type", e.kind}, {"epoch", e.epoch}, {"lane", e.lane},
	} {
		if f.value == "" {
			errs = append(errs, fmt.Errorf("%s: missing", f.name))
		}
	}
	for _, f := range []struct{ name, value string }{{"time", e.time}, {"recordedtime", e.recorded}} {
		if _, err := time.Parse(time.RFC3339Nano, f.value); err != nil {
			errs = append(errs, fmt.Errorf("%s %q: want RFC 3339", f.name, f.value))
		}
	}
	n, err := strconv.ParseUint(e.sequence, 10, 64)
	if err != nil || len(e.sequence) != 20 || n == 0 {
		errs = append(errs, fmt.Errorf("sequence %q: want 20 digits, from 1", e.sequence))
	}
	e.number = n
	return errs
}

// hash is the event's own hash, which the next event of its lane must carry.
func (e *event) hash() string {
	h := sha256.New()
	for _, field := range []string{
		e.epoch, e.lane, e.sequence, e.id, e.source, e.kind, e.subject, e.time, e.recorded,
		e.severity, strconv.FormatBool(e.drill), e.datahash, e.prevhash,
	} {
		var length [4]byte
		binary.BigEndian.PutUint32(length[:], uint32(len(field)))
		h.Write(length[:])
		h.Write([]byte(field))
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// checkData compares the data with its hash. Data that was withheld or erased
// has neither data nor salt, and passes.
func (e *event) checkData() error {
	if e.data == nil && e.salt == "" {
		return nil
	}
	if e.data == nil || e.salt == "" {
		return errors.New("data and datasalt: want both or none")
	}
	salt, err := hex.DecodeString(e.salt)
	if err != nil || len(salt) != 16 {
		return errors.New("datasalt: want 16 bytes in hex")
	}
	if !bytes.HasPrefix(bytes.TrimLeft(e.data, " \t\r\n"), []byte("{")) {
		return errors.New("data: want an object")
	}
	canonical, err := jcs.Transform(e.data)
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	h := sha256.New()
	h.Write(salt)
	h.Write(canonical)
	if got := "sha256:" + hex.EncodeToString(h.Sum(nil)); got != e.datahash {
		return fmt.Errorf("datahash %s: the data has %s", e.datahash, got)
	}
	return nil
}

// retired is the data of journal.retired. Numbers come as JSON numbers or as
// sequences with 20 digits.
type retired struct {
	Lane string   `json:"lane"`
	From sequence `json:"from"`
	To   sequence `json:"to"`
	Hash string   `json:"hash"` // of event To
}

type sequence uint64

func (s *sequence) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseUint(string(bytes.Trim(b, `"`)), 10, 64)
	if err != nil {
		return fmt.Errorf("sequence %s: want a number", b)
	}
	*s = sequence(n)
	return nil
}

func (e *event) retired() (retired, bool) {
	var r retired
	if e.kind != typeRetired || json.Unmarshal(e.data, &r) != nil {
		return retired{}, false
	}
	return r, r.From > 0 && r.To >= r.From && r.Hash != ""
}
