package partner

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// ReplyBytesMax bounds a reply.
const ReplyBytesMax = 32 << 10

// Reply is what a partner says of an order of its own.
type Reply struct {
	Order    string   `json:"order"`
	ID       string   `json:"id"`     // the partner's own: the same reply again is taken once
	Result   string   `json:"result"` // accepted, done, refused
	Report   string   `json:"report"` // done: what was done
	Pictures []string `json:"pictures"`
	Reason   string   `json:"reason"` // refused: why
}

// ReadReply reads a reply's JSON. Its error is a *desk.InvalidError; what the
// fields may hold is checked by the desk.
func ReadReply(payload []byte) (Reply, error) {
	var r Reply
	if len(payload) > ReplyBytesMax {
		return r, &desk.InvalidError{Field: "reply", Value: fmt.Sprintf("%d bytes", len(payload)), Remedy: fmt.Sprintf("at most %d bytes", ReplyBytesMax)}
	}
	err := json.Unmarshal(payload, &r)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong) && wrong.Field == "pictures":
		return r, &desk.InvalidError{Field: wrong.Field, Value: wrong.Value, Remedy: "a list of texts"}
	case errors.As(err, &wrong) && wrong.Field != "":
		return r, &desk.InvalidError{Field: wrong.Field, Value: wrong.Value, Remedy: "a text"}
	case err != nil:
		return r, &desk.InvalidError{Field: "reply", Value: string(payload[:min(len(payload), 40)]), Remedy: `JSON like {"order":"01J…","id":"r1","result":"done","report":"…"}`}
	case r.Order == "":
		return r, &desk.InvalidError{Field: "order", Value: "", Remedy: "the order's id, as it was sent"}
	}
	return r, nil
}

// Input is the reply for the desk, as the partner itself says it.
func (r Reply) Input(partner string) desk.ReplyIn {
	return desk.ReplyIn{
		Partner: partner, Order: r.Order, ID: r.ID, Result: r.Result, Report: r.Report, Pictures: r.Pictures, Reason: r.Reason,
		By: desk.Actor{Name: "partner/" + partner, Role: "partner"},
	}
}
