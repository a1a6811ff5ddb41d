package journal

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/oklog/ulid/v2"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Gone is the journal.retired that stands for all of a lane up to a sequence,
// when it or a part of it cannot be read: the next event's prevhash is the hash
// of the last one, so the chain goes on. No journal holds it, so it has the
// number at which the range ends; it is the same each time, and signed like the
// others.
func (o *Older) Gone(lane bridge.Lane, through uint64) (bridge.Record, error) {
	after, err := o.ReadLane(lane, through, 1)
	if err == nil && len(after) == 0 {
		err = errors.New("nothing follows")
	}
	if err != nil {
		return bridge.Record{}, fmt.Errorf("say what is gone of %s up to %d in epoch %s: %w", lane, through, o.epoch, err)
	}
	next := &after[0].Event
	one := RetiredRange{Lane: lane, From: 1, To: through, Hash: next.PrevHash}
	if o.sign != nil {
		one.Signature = base64.StdEncoding.EncodeToString(o.sign(RetiredText(o.epoch, one)))
	}
	data, err := json.Marshal(struct {
		Schema    int         `json:"schema"`
		Lane      bridge.Lane `json:"lane"`
		From      uint64      `json:"from"`
		To        uint64      `json:"to"`
		Hash      string      `json:"hash"`
		Signature string      `json:"signature"`
		Through   uint64      `json:"through"` // no place is known
		Lanes     int         `json:"lanes"`
		Nth       int         `json:"nth"`
	}{1, lane, one.From, one.To, one.Hash, one.Signature, 0, 1, 1})
	if err == nil {
		data, err = canonicalData(data)
	}
	if err != nil {
		return bridge.Record{}, err
	}
	drawn := sha256.Sum256(RetiredText(o.epoch, one))
	salt, id := drawn[:saltBytes], ulid.ULID{}
	if err := id.SetTime(uint64(next.RecordedTime.UnixMilli())); err != nil {
		return bridge.Record{}, err
	}
	copy(id[6:], drawn[saltBytes:])
	return bridge.Record{Event: bridge.Event{
		SpecVersion: "1.0", ID: id.String(), Source: next.Source, Type: "watchpost.journal.retired", Subject: "journal",
		Time: next.RecordedTime, RecordedTime: next.RecordedTime, DataContentType: "application/json",
		Epoch: o.epoch, Lane: bridge.Notice, Sequence: bridge.SequenceText(through), PrevHash: bridge.ZeroHash,
		DataHash: bridge.DataHashOf(salt, data), DataSalt: hex.EncodeToString(salt), Severity: "P3", Data: data,
	}}, nil
}
