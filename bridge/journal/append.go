package journal

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/gowebpki/jcs"

	"github.com/watchpost-edge/watchpost/bridge"
)

const saltBytes = 16

// entry is a record on its way to the disk.
type entry struct {
	record   bridge.Record
	sequence uint64
	prepared bridge.Prepared
}

// group is what one transaction will hold: whole Appends, one after the other.
// It is everybody's ticket.
type group struct {
	entries []entry
	bytes   int
	after   heads // the journal's ends once the group is synced
	done    chan struct{}
	err     error // valid after done
}

// Wait implements bridge.Ticket.
func (g *group) Wait(ctx context.Context) error {
	select {
	case <-g.done:
		return g.err
	default:
	}
	select {
	case <-g.done:
		return g.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *group) fits(entries []entry, size int) bool {
	return g.bytes+size <= StepBytesMax && len(g.entries)+len(entries) <= stepEventsMax
}

// Append numbers, salts and chains the drafts and queues them as one unit. A
// refusal is ErrTooLarge, ErrDraft, ErrReserve, ErrFull, ErrClosed, ErrFailed or
// ErrReadOnly and changes nothing. Invalid UTF-8 is replaced, not refused: a press from a
// garbled pillar is still a press. It blocks while StepBytesMax × groupsMax
// wait for the disk.
//
// No drafts is an error: a ticket must stand for something.
func (j *Journal) Append(drafts []bridge.Draft) ([]bridge.Record, bridge.Ticket, error) {
	if len(drafts) == 0 {
		return nil, nil, fmt.Errorf("append nothing: %w", ErrDraft)
	}
	if len(drafts) > stepEventsMax {
		return nil, nil, fmt.Errorf("append %d events: %w: at most %d", len(drafts), ErrTooLarge, stepEventsMax)
	}
	if err := j.space.admits(drafts); err != nil {
		return nil, nil, fmt.Errorf("append event %s: %w", drafts[0].ID, err)
	}
	entries, size, err := j.seal(drafts)
	if err != nil {
		return nil, nil, err
	}
	records := make([]bridge.Record, len(entries))
	j.mu.Lock()
	defer j.mu.Unlock()
	for len(j.forming) >= groupsMax && j.err == nil {
		j.room.Wait()
	}
	if j.err != nil {
		return nil, nil, fmt.Errorf("append event %s: %w", drafts[0].ID, j.err)
	}
	j.assigned.chain(entries)
	for i := range entries {
		records[i] = entries[i].record
	}
	return records, j.queue(entries, size), nil
}

// queue makes the entries part of the journal's future. j.mu is held.
func (j *Journal) queue(entries []entry, size int) *group {
	if n := len(j.forming); n == 0 || !j.forming[n-1].fits(entries, size) {
		j.forming = append(j.forming, &group{done: make(chan struct{})})
	}
	g := j.forming[len(j.forming)-1]
	g.entries = append(g.entries, entries...)
	g.bytes += size
	g.after = j.assigned
	for i := range entries {
		if key := entries[i].record.Key; key != "" {
			j.unsynced[key] = entries[i].record
		}
	}
	if first := len(g.entries) == len(entries); first || j.complete() {
		select {
		case j.wake <- struct{}{}:
		default:
		}
	}
	return g
}

// chain gives the entries their places, sequences and hashes, and moves on to
// where they end.
func (h *heads) chain(entries []entry) {
	for i := range entries {
		one := &entries[i]
		event := &one.record.Event
		end := h.lane(event.Lane)
		h.place++
		one.record.Place, one.sequence = h.place, end.sequence+1
		hash := one.prepared.Chain(event, one.sequence, end.hash)
		h.lanes[event.Lane.Code()] = head{place: h.place, sequence: one.sequence, hash: hash}
	}
}

// seal makes entries of drafts, but for their numbers and their places in the
// chain. It tells how many bytes they take.
func (j *Journal) seal(drafts []bridge.Draft) ([]entry, int, error) {
	entries := make([]entry, len(drafts))
	size := 0
	for i := range drafts {
		record, err := j.event(&drafts[i])
		if err != nil {
			return nil, 0, fmt.Errorf("append event %s: %w", drafts[i].ID, err)
		}
		before := beginRecord(record.Key)
		prepared, err := record.Event.Prepare(before)
		if err != nil {
			return nil, 0, fmt.Errorf("append: %w: %w", ErrDraft, err)
		}
		if n := len(prepared.Stored) - len(before); n > bridge.EventMaxBytes {
			return nil, 0, fmt.Errorf("append event %s: %w: %d bytes, at most %d", record.Event.ID, ErrTooLarge, n, bridge.EventMaxBytes)
		}
		entries[i] = entry{record: record, prepared: prepared}
		size += len(prepared.Stored)
	}
	if size > StepBytesMax {
		return nil, 0, fmt.Errorf("append %d events: %w: %d bytes together, at most %d", len(drafts), ErrTooLarge, size, StepBytesMax)
	}
	return entries, size, nil
}

// event makes an event of a draft.
func (j *Journal) event(d *bridge.Draft) (bridge.Record, error) {
	if d.Lane.Code() == 0 {
		return bridge.Record{}, fmt.Errorf("%w: lane %q", ErrDraft, d.Lane)
	}
	if d.ID == "" || d.Type == "" {
		return bridge.Record{}, fmt.Errorf("%w: id and type are required", ErrDraft)
	}
	if d.Time.UTC().Year() > 9999 || d.Recorded.UTC().Year() > 9999 || d.Time.UTC().Year() < 0 || d.Recorded.UTC().Year() < 0 {
		return bridge.Record{}, fmt.Errorf("%w: RFC 3339 has no year above 9999 or below 0", ErrDraft)
	}
	if len(d.Key) > keyBytesMax {
		return bridge.Record{}, fmt.Errorf("%w: key of %d bytes, at most %d", ErrTooLarge, len(d.Key), keyBytesMax)
	}
	if len(d.Data) > 4*bridge.EventMaxBytes {
		return bridge.Record{}, fmt.Errorf("%w: data of %d bytes", ErrTooLarge, len(d.Data))
	}
	canonical, err := canonicalData(d.Data)
	if err != nil {
		return bridge.Record{}, fmt.Errorf("%w: data: %w", ErrDraft, err)
	}
	var salt [saltBytes]byte
	if _, err := io.ReadFull(j.options.Rand, salt[:]); err != nil {
		return bridge.Record{}, fmt.Errorf("draw salt: %w", err)
	}
	return bridge.Record{Key: d.Key, Event: bridge.Event{
		SpecVersion:     "1.0",
		ID:              valid(d.ID),
		Source:          j.options.Source,
		Type:            valid(d.Type),
		Time:            stamp(d.Time),
		RecordedTime:    stamp(d.Recorded),
		Subject:         valid(d.Subject),
		DataContentType: "application/json",
		Epoch:           j.epoch,
		Lane:            d.Lane,
		DataHash:        bridge.DataHashOf(salt[:], canonical),
		DataSalt:        hex.EncodeToString(salt[:]),
		Severity:        valid(d.Severity),
		Drill:           d.Drill,
		Data:            canonical,
	}}, nil
}

// canonicalData is the RFC 8785 form of an object; no data is an empty object.
// Numbers are IEEE 754 doubles there, as for every JSON reader that counts on
// I-JSON: whole numbers above 2^53 belong into strings.
func canonicalData(data json.RawMessage) (json.RawMessage, error) {
	if len(data) == 0 {
		data = json.RawMessage("{}")
	}
	if !utf8.Valid(data) {
		data = bytes.ToValidUTF8(data, []byte("\uFFFD"))
	}
	if !json.Valid(data) || bytes.TrimLeft(data, " \t\r\n")[0] != '{' {
		return nil, fmt.Errorf("want a JSON object")
	}
	canonical, err := jcs.Transform(data)
	if err != nil {
		return nil, err
	}
	return canonical, nil
}

func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func stamp(s bridge.Stamp) bridge.Stamp {
	if s.IsZero() {
		return bridge.Stamp{}
	}
	return bridge.At(s.Time)
}
