package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Keys of the store (journal.md, "Store"); integers big-endian.
const (
	prefixEvent  = 'e'
	prefixLane   = 'l'
	prefixKey    = 'k'
	prefixCursor = 'c'
	prefixMeta   = 'm'
)

const (
	metaVersion   = "version"
	metaHead      = "head/" // + lane: place, sequence and hash of its last event
	formatVersion = 1
)

func eventKey(place uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefixEvent}, place)
}

func laneKey(lane bridge.Lane, sequence uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefixLane, lane.Code()}, sequence)
}

func findKey(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return append([]byte{prefixKey}, sum[:]...)
}

// cursorKey ends in a zero byte and the lane's code (0: places), so that no
// name is the beginning of another.
func cursorKey(name string, lane bridge.Lane) []byte {
	return append(append([]byte{prefixCursor}, name...), 0, lane.Code())
}

func metaKey(name string) []byte { return append([]byte{prefixMeta}, name...) }

func placeValue(place uint64) []byte { return binary.BigEndian.AppendUint64(nil, place) }

func placeOf(value []byte) (uint64, error) {
	if len(value) != 8 {
		return 0, fmt.Errorf("place of %d bytes: want 8", len(value))
	}
	return binary.BigEndian.Uint64(value), nil
}

// recordVersion is the first byte of every record: version, length of the key
// (uvarint), the key, and the event in exactly its wire form.
const recordVersion = 1

var errRecord = errors.New("not a record")

func encodeRecord(key string, wire []byte) []byte { return append(beginRecord(key), wire...) }

func beginRecord(key string) []byte {
	b := make([]byte, 0, 1+binary.MaxVarintLen16+len(key))
	b = append(b, recordVersion)
	b = binary.AppendUvarint(b, uint64(len(key)))
	return append(b, key...)
}

// splitRecord gives a record's key and wire form as parts of b.
func splitRecord(b []byte) (key, wire []byte, err error) {
	if len(b) == 0 || b[0] != recordVersion {
		return nil, nil, fmt.Errorf("%w: version unknown", errRecord)
	}
	size, n := binary.Uvarint(b[1:])
	if n <= 0 || size > keyBytesMax || uint64(len(b)-1-n) < size {
		return nil, nil, fmt.Errorf("%w: key's length", errRecord)
	}
	start := 1 + n
	end := start + int(size)
	return b[start:end], b[end:], nil
}

func decodeRecord(place uint64, b []byte) (bridge.Record, error) {
	key, wire, err := splitRecord(b)
	if err != nil {
		return bridge.Record{}, fmt.Errorf("decode record %d: %w", place, err)
	}
	event, err := bridge.DecodeEvent(wire)
	if err != nil {
		return bridge.Record{}, fmt.Errorf("decode record %d: %w", place, err)
	}
	return bridge.Record{Place: place, Key: string(key), Event: event}, nil
}

// head is where a lane ends.
type head struct {
	place    uint64
	sequence uint64
	hash     string
}

func encodeHead(h head) []byte {
	b := binary.BigEndian.AppendUint64(nil, h.place)
	b = binary.BigEndian.AppendUint64(b, h.sequence)
	return append(b, h.hash...)
}

func decodeHead(b []byte) (head, error) {
	if len(b) < 16 {
		return head{}, fmt.Errorf("head of %d bytes: want at least 16", len(b))
	}
	return head{
		place:    binary.BigEndian.Uint64(b),
		sequence: binary.BigEndian.Uint64(b[8:]),
		hash:     string(b[16:]),
	}, nil
}

// heads are the ends of the journal and of its lanes, indexed by lane code.
type heads struct {
	place uint64
	lanes [5]head
}

func (h *heads) lane(lane bridge.Lane) head {
	at := h.lanes[lane.Code()]
	if at.hash == "" {
		at.hash = bridge.ZeroHash
	}
	return at
}
