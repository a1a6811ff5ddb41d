package review

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// day is what the journal, or the counting of a past day, says of it. Years of
// days are kept, so they are packed.
type day struct {
	Revision int    `json:"revision"` // newest in the journal; 0: none
	Place    uint64 `json:"place"`    // of its newest copy; 0: not in this journal
	Counts   packed `json:"counts"`
	People   packed `json:"people"`
	// Unsaid: these are not the counts of the newest copy.
	Unsaid bool `json:"unsaid,omitempty"`
}

// packed is a value as compressed JSON, and what tells it from another one.
type packed struct {
	Sum  string `json:"sum"` // of the JSON
	Body []byte `json:"body"`
}

func pack(value any) packed {
	text, err := json.Marshal(value)
	if err != nil {
		return packed{} // counts are numbers and texts: it does not happen
	}
	sum := sha256.Sum256(text)
	var body bytes.Buffer
	w, err := flate.NewWriter(&body, flate.DefaultCompression)
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return packed{}
	}
	return packed{hex.EncodeToString(sum[:12]), body.Bytes()}
}

// unpack reads into a value, which stays as it is when nothing was packed.
func (p packed) unpack(value any) error {
	if len(p.Body) == 0 {
		return nil
	}
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(p.Body)))
	if err == nil {
		err = json.Unmarshal(text, value)
	}
	if err != nil {
		return fmt.Errorf("read what was counted: %w", err)
	}
	return nil
}

// same reports whether these are the day's counts.
func (d *day) same(counts, people packed) bool {
	return d.Counts.Sum == counts.Sum && d.People.Sum == people.Sum
}

// input tells the desk of a day.
func (d *day) input(key string, revision int, through uint64) (desk.ReviewIn, error) {
	date, epoch, _ := strings.Cut(key, "/")
	in := desk.ReviewIn{Day: desk.ReviewDay{Date: date, Epoch: epoch, Revision: revision}, Through: through}
	if err := d.Counts.unpack(&in.Day.Counts); err != nil {
		return in, fmt.Errorf("day %s: %w", key, err)
	}
	if err := d.People.unpack(&in.People); err != nil {
		return in, fmt.Errorf("day %s: %w", key, err)
	}
	return in, nil
}
