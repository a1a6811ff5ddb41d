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
	b := make([]byte, 0, 512+len(e.Data))
	for i, field := range [...]struct {
		name, value string
		optional    bool
	}{
		{`{"specversion":`, e.SpecVersion, false},
		{`,"id":`, e.ID, false},
		{`,"source":`, e.Source, false},
		{`,"type":`, e.Type, false},
		{`,"time":`, e.Time.String(), false},
		{`,"recordedtime":`, e.RecordedTime.String(), false},
		{`,"subject":`, e.Subject, false},
		{`,"datacontenttype":`, e.DataContentType, true},
		{`,"epoch":`, e.Epoch, false},
		{`,"lane":`, string(e.Lane), false},
		{`,"sequence":`, e.Sequence, false},
		{`,"prevhash":`, e.PrevHash, false},
		{`,"datahash":`, e.DataHash, false},
		{`,"datasalt":`, e.DataSalt, true},
		{`,"severity":`, e.Severity, false},
	} {
		if field.optional && field.value == "" {
			continue
		}
		b = append(b, field.name...)
		var err error
		if b, err = appendString(b, field.value); err != nil {
			return nil, fmt.Errorf("encode event %s: field %d: %w", e.ID, i, err)
		}
	}
	b = append(b, `,"drill":`...)
	b = strconv.AppendBool(b, e.Drill)
	if len(e.Data) > 0 {
		b = append(b, `,"data":`...)
		data := bytes.NewBuffer(b)
		if err := json.Compact(data, e.Data); err != nil {
			return nil, fmt.Errorf("encode event %s: data: %w", e.ID, err)
		}
		b = data.Bytes()
	}
	return append(b, '}'), nil
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
