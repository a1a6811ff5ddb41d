package bridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// Encode is the event's wire form: the bytes that are stored, sent and, for
// now and replay, sent again. They are those of encoding/json without HTML
// escapes, so data stays byte for byte what was hashed; written out here since
// every event passes it more than once.
func (e *Event) Encode() ([]byte, error) {
	w := wire{b: make([]byte, 0, 512+len(e.Data))}
	w.head(e, e.Time.String(), e.RecordedTime.String())
	if w.err == nil && len(e.Data) > 0 {
		w.b = append(w.b, `,"data":`...)
		data := bytes.NewBuffer(w.b)
		w.err = json.Compact(data, e.Data)
		w.b = data.Bytes()
	}
	if w.err != nil {
		return nil, fmt.Errorf("encode event %s: %w", e.ID, w.err)
	}
	return append(w.b, '}'), nil
}

// wire is a wire form on its way.
type wire struct {
	b                    []byte
	sequenceAt, prevHash int // where their values begin in b
	err                  error
}

// head writes all but data and the closing brace.
func (w *wire) head(e *Event, occurred, recorded string) {
	w.field(`{"specversion":`, e.SpecVersion)
	w.field(`,"id":`, e.ID)
	w.field(`,"source":`, e.Source)
	w.field(`,"type":`, e.Type)
	w.field(`,"time":`, occurred)
	w.field(`,"recordedtime":`, recorded)
	w.field(`,"subject":`, e.Subject)
	if e.DataContentType != "" {
		w.field(`,"datacontenttype":`, e.DataContentType)
	}
	w.field(`,"epoch":`, e.Epoch)
	w.field(`,"lane":`, string(e.Lane))
	w.sequenceAt = w.field(`,"sequence":`, e.Sequence)
	w.prevHash = w.field(`,"prevhash":`, e.PrevHash)
	w.field(`,"datahash":`, e.DataHash)
	if e.DataSalt != "" {
		w.field(`,"datasalt":`, e.DataSalt)
	}
	w.field(`,"severity":`, e.Severity)
	w.b = append(w.b, `,"drill":`...)
	w.b = strconv.AppendBool(w.b, e.Drill)
}

// field tells where the value begins, behind its quote.
func (w *wire) field(name, value string) int {
	if w.err != nil {
		return 0
	}
	w.b = append(w.b, name...)
	at := len(w.b) + 1
	if w.b, w.err = appendString(w.b, value); w.err != nil {
		w.err = fmt.Errorf("field %s %w", name, w.err)
	}
	return at
}

// appendString writes a JSON string; what needs an escape is left to
// encoding/json.
func appendString(b []byte, s string) ([]byte, error) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			var quoted bytes.Buffer
			encoder := json.NewEncoder(&quoted)
			encoder.SetEscapeHTML(false)
			if err := encoder.Encode(s); err != nil {
				return nil, err
			}
			return append(b, bytes.TrimSuffix(quoted.Bytes(), []byte{'\n'})...), nil
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"'), nil
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
