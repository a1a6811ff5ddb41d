// Package pillar owns the messages of alarm pillars: bytes to Press and
// PillarStatus, acks and commands to bytes, and the Adapter that stands between
// an MQTT broker and whoever stores presses.
//
// The promise it carries: an ack, and with it the broker's PUBACK, leaves only
// after Press has returned, that is after the journal has synced. When Press
// fails there is neither, the connection is closed, and the pillar sends again.
//
// It refuses malformed messages once and for all: an ack "rejected" names the
// field, its value and what to do. It decides nothing about a press: priority,
// duplicates and incidents are the desk's.
package pillar

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/watchpost-edge/watchpost/ingest"
)

// Limits of a pillar's messages.
const (
	payloadBytesMax  = 4 << 10
	idRunesMax       = 128
	atBytesMax       = 64
	firmwareBytesMax = 128
	quotedBytesMax   = 80 // of a bad value in a reason
)

// timeLayout is how times are written: RFC 3339, UTC, milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// Prefix is the only part of the topic tree that a pillar may use.
func Prefix(id string) string { return "pillar/" + id + "/" }

// Topic is the topic of one kind of message: press, ack, status, command.
func Topic(id, kind string) string { return Prefix(id) + kind }

// parseTopic takes the id out of pillar/{id}/{kind}.
func parseTopic(topic string) (id string, err error) {
	parts := strings.Split(topic, "/")
	if len(parts) != 3 || parts[0] != "pillar" || parts[1] == "" {
		return "", fmt.Errorf("topic %q: want pillar/{id}/press or pillar/{id}/status", topic)
	}
	return parts[1], nil
}

// Malformed says what is wrong with a message and what to do about it.
type Malformed struct {
	ID    string // the event id the message gave, "" when there was none: the ack names it
	Field string // "" for the whole payload
	Value string
	Fix   string
}

func (m *Malformed) Error() string {
	if m.Field == "" {
		return fmt.Sprintf("payload %s: %s", m.Value, m.Fix)
	}
	return fmt.Sprintf("%s: %s: %s", m.Field, m.Value, m.Fix)
}

func malformed(field string, value any, fix string) *Malformed {
	v := fmt.Sprintf("%q", value)
	if _, text := value.(string); !text {
		v = fmt.Sprint(value)
	}
	if len(v) > quotedBytesMax {
		v = strings.ToValidUTF8(v[:quotedBytesMax], "") + "…"
	}
	return &Malformed{Field: field, Value: v, Fix: fix}
}

// pressMessage is a press as it travels (contracts: pillar/{id}/press).
type pressMessage struct {
	ID       string           `json:"id"`
	Kind     ingest.PressKind `json:"kind"`
	At       string           `json:"at"`
	Seq      uint64           `json:"seq"`
	Replayed bool             `json:"replayed"`
}

// Decode reads a press. Its error is a *Malformed.
func Decode(topic string, payload []byte, now time.Time) (ingest.Press, error) {
	p, err := decode(topic, payload, now)
	var bad *Malformed
	if errors.As(err, &bad) {
		bad.ID = idOf(payload)
		return ingest.Press{}, bad
	}
	return p, err
}

func decode(topic string, payload []byte, now time.Time) (ingest.Press, error) {
	pillar, err := parseTopic(topic)
	if err != nil {
		return ingest.Press{}, malformed("topic", topic, "publish on pillar/{id}/press")
	}
	var m pressMessage
	if err := unmarshal(payload, &m); err != nil {
		return ingest.Press{}, err
	}
	if m.ID == "" {
		return ingest.Press{}, malformed("id", m.ID, "give every press an id of its own")
	}
	if utf8.RuneCountInString(m.ID) > idRunesMax {
		return ingest.Press{}, malformed("id", m.ID, fmt.Sprintf("use at most %d characters", idRunesMax))
	}
	if strings.ContainsFunc(m.ID, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }) {
		return ingest.Press{}, malformed("id", m.ID, "use printable characters only")
	}
	switch m.Kind {
	case ingest.PressAlarm, ingest.PressDuress, ingest.PressTalk, ingest.PressTamper, ingest.PressTest:
	default:
		return ingest.Press{}, malformed("kind", string(m.Kind), "use alarm, duress, test, talk or tamper")
	}
	at, err := parseAt(m.At)
	if err != nil {
		return ingest.Press{}, err
	}
	return ingest.Press{
		Pillar: pillar, ID: m.ID, Kind: m.Kind, At: at, AtText: m.At,
		Seq: m.Seq, Replayed: m.Replayed, Received: now,
	}, nil
}

func parseAt(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || len(text) > atBytesMax {
		return time.Time{}, malformed("at", text, "use RFC 3339, for instance 2026-01-02T15:04:05.000Z, or leave it out")
	}
	return at, nil
}

// unmarshal reads a JSON object and turns what encoding/json says into what a
// pillar's maker can use.
func unmarshal(payload []byte, into any) error {
	if len(payload) > payloadBytesMax {
		return malformed("", fmt.Sprintf("of %d bytes", len(payload)), fmt.Sprintf("send at most %d bytes", payloadBytesMax))
	}
	if !utf8.Valid(payload) {
		return malformed("", "is not UTF-8", "send JSON in UTF-8")
	}
	err := json.Unmarshal(payload, into)
	var typed *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &typed) && typed.Field != "":
		return malformed(typed.Field, typed.Value, "want "+want(typed.Type.Kind().String()))
	case errors.As(err, &typed):
		return malformed("", fmt.Sprintf("%.*s", quotedBytesMax, payload), "send one JSON object, this is of another kind: "+typed.Value)
	default:
		return malformed("", fmt.Sprintf("%.*s", quotedBytesMax, payload), "send one JSON object: "+err.Error())
	}
}

func want(kind string) string {
	switch kind {
	case "uint64":
		return "a whole number from 0"
	case "int":
		return "a whole number"
	case "bool":
		return "true or false"
	default:
		return "a text"
	}
}

// idOf is the id that a payload gave, as far as it can be told: the pillar
// keeps its message until an ack names that id.
func idOf(payload []byte) string {
	var m struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(payload, &m) != nil {
		return ""
	}
	var text string
	if json.Unmarshal(m.ID, &text) == nil {
		return text
	}
	return string(m.ID)
}

// Encode writes a press as a pillar does: the reverse of Decode.
func Encode(p ingest.Press) []byte {
	return mustMarshal(pressMessage{ID: p.ID, Kind: p.Kind, At: p.AtText, Seq: p.Seq, Replayed: p.Replayed})
}

// statusMessage is a status as it travels (contracts: pillar/{id}/status).
type statusMessage struct {
	Online    *bool  `json:"online"`
	At        string `json:"at"`
	BatteryMV *int   `json:"battery_mv"`
	RSSIdBm   *int   `json:"rssi_dbm"`
	Firmware  string `json:"firmware"`
	Tampered  bool   `json:"tampered"`
}

// DecodeStatus reads a status or a Will. A status without a time gets now. Its
// error is a *Malformed.
func DecodeStatus(topic string, payload []byte, now time.Time) (ingest.PillarStatus, error) {
	pillar, err := parseTopic(topic)
	if err != nil {
		return ingest.PillarStatus{}, malformed("topic", topic, "publish on pillar/{id}/status")
	}
	var m statusMessage
	if err := unmarshal(payload, &m); err != nil {
		return ingest.PillarStatus{}, err
	}
	if m.Online == nil {
		return ingest.PillarStatus{}, malformed("online", "missing", "say true or false")
	}
	if len(m.Firmware) > firmwareBytesMax {
		return ingest.PillarStatus{}, malformed("firmware", m.Firmware, fmt.Sprintf("use at most %d bytes", firmwareBytesMax))
	}
	at, err := parseAt(m.At)
	if err != nil {
		return ingest.PillarStatus{}, err
	}
	if at.IsZero() {
		at = now
	}
	return ingest.PillarStatus{
		Pillar: pillar, Online: *m.Online, At: at, BatteryMV: m.BatteryMV,
		RSSIdBm: m.RSSIdBm, Firmware: m.Firmware, Tampered: m.Tampered,
	}, nil
}

// Ack is the box's word on one press (contracts: pillar/{id}/ack).
type Ack struct {
	ID       string `json:"id"`
	Result   string `json:"result"` // stored, duplicate, rejected
	Reason   string `json:"reason"`
	Incident string `json:"incident"`
	At       string `json:"at"`
}

// EncodeAck writes the ack of the press with that id.
func EncodeAck(id string, r ingest.PressResult, now time.Time) []byte {
	return mustMarshal(Ack{ID: id, Result: r.Result, Reason: r.Reason, Incident: r.Incident, At: now.UTC().Format(timeLayout)})
}

// Command tells a pillar what to show and say (contracts: pillar/{id}/command).
// After a duress there must be none: no light, no words, no sound.
type Command struct {
	Light string `json:"light,omitempty"` // off, flash, steady
	Say   string `json:"say,omitempty"`
}

// EncodeCommand writes a command, or says why it is none.
func EncodeCommand(c Command) ([]byte, error) {
	switch c.Light {
	case "", "off", "flash", "steady":
	default:
		return nil, malformed("light", c.Light, "use off, flash or steady")
	}
	if c.Light == "" && c.Say == "" {
		return nil, malformed("light", c.Light, "give a light or words")
	}
	return mustMarshal(c), nil
}

// mustMarshal is for types of this file, which cannot fail to be written.
func mustMarshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
