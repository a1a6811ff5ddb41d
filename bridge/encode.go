package bridge

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Encode is the event's wire form: the bytes that are stored, sent and, for
// now and replay, sent again. Data stays byte for byte what was hashed, so
// HTML characters are not escaped.
func (e *Event) Encode() ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		return nil, fmt.Errorf("encode event %s: %w", e.ID, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// DecodeEvent reads an event's wire form. Unknown fields are ignored.
func DecodeEvent(b []byte) (Event, error) {
	var e Event
	if err := json.Unmarshal(b, &e); err != nil {
		return Event{}, fmt.Errorf("decode event: %w", err)
	}
	return e, nil
}

// Withheld is the event without data and salt: number, hashes and chain stay
// whole for a receiver that the data is not for.
func (e Event) Withheld() Event {
	e.Data, e.DataSalt = nil, ""
	return e
}
