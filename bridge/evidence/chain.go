package evidence

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/watchpost-edge/watchpost/bridge"
)

// link is a line of chain.jsonl: an event's place in its lane.
type link struct {
	Epoch    string      `json:"epoch"`
	Lane     bridge.Lane `json:"lane"`
	Sequence string      `json:"sequence"`
	ID       string      `json:"id"`
	PrevHash string      `json:"prevhash"`
	Hash     string      `json:"hash"`
}

func linkOf(e *bridge.Event) link {
	return link{Epoch: e.Epoch, Lane: e.Lane, Sequence: e.Sequence, ID: e.ID, PrevHash: e.PrevHash, Hash: e.Hash()}
}

func (l link) String() string {
	return fmt.Sprintf("event %s (lane %s, number %s)", plain(l.ID), plain(string(l.Lane)), plain(l.Sequence))
}

type laneRun struct {
	epoch string
	lane  bridge.Lane
}

type position struct {
	sequence uint64
	hash     string
}

// order knows where each lane is while its events pass.
type order struct {
	at   map[laneRun]position
	gaps int // numbers that were left out, each run of them once
}

func newOrder() *order { return &order{at: map[laneRun]position{}} }

// next takes the next event of any lane and gives the one before it in its
// lane, if there is one. It refuses an event that steps back.
func (o *order) next(l link) (last position, known bool, err error) {
	n, err := bridge.SequenceNumber(l.Sequence)
	if err != nil {
		return position{}, false, fmt.Errorf("%v: %w", l, err)
	}
	key := laneRun{l.Epoch, l.Lane}
	last, known = o.at[key]
	if !known && len(o.at) >= laneRunsMax {
		return position{}, false, fmt.Errorf("%v: more than %d lanes and epochs", l, laneRunsMax)
	}
	o.at[key] = position{n, l.Hash}
	if known && n <= last.sequence {
		return last, known, fmt.Errorf("%v comes after number %d", l, last.sequence)
	}
	return last, known, nil
}

// follow checks a link against the one before it in its lane: where the number
// grows by one the hashes must meet.
func (o *order) follow(l link) error {
	last, known, err := o.next(l)
	if err != nil {
		return err
	}
	n := o.at[laneRun{l.Epoch, l.Lane}].sequence
	switch {
	case n == 1 && l.PrevHash != bridge.ZeroHash:
		return fmt.Errorf("%v is the first of its lane and names one before it", l)
	case known && n == last.sequence+1 && l.PrevHash != last.hash:
		return fmt.Errorf("%v does not follow number %d: the chain is broken between them", l, last.sequence)
	case known && n > last.sequence+1:
		o.gaps++
	}
	return nil
}

// checkData tells whether an event's data is what its hash was taken of.
func checkData(e *bridge.Event) error {
	if len(e.Data) == 0 && e.DataSalt == "" {
		return nil // withheld, or erased by law: the chain holds its hash
	}
	salt, err := hex.DecodeString(e.DataSalt)
	if err != nil || len(salt) == 0 || len(e.Data) == 0 {
		return fmt.Errorf("it has data without its salt, or the other way round")
	}
	if got := bridge.DataHashOf(salt, e.Data); got != e.DataHash {
		return fmt.Errorf("its data does not fit its data hash")
	}
	return nil
}

// announced is what the journal says of a clip or a part of it.
type announced struct{ sha256, original string }

func announcement(e *bridge.Event) (clip, part string, a announced) {
	if e.Type != "watchpost.clip.ready" || len(e.Data) == 0 {
		return "", "", announced{}
	}
	var data struct {
		Clip     string `json:"clip"`
		Part     string `json:"part"`
		SHA256   string `json:"sha256"`
		Original string `json:"original_sha256"`
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return "", "", announced{}
	}
	return data.Clip, data.Part, announced{bare(data.SHA256), bare(data.Original)}
}

// bare is a hash without the name of its algorithm.
func bare(hash string) string {
	const prefix = "sha256:"
	if len(hash) > len(prefix) && hash[:len(prefix)] == prefix {
		return hash[len(prefix):]
	}
	return hash
}
