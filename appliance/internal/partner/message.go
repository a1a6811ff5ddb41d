package partner

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// pictureBytesMax is the largest picture that goes along (bytes of the JPEG):
// a message must fit a broker of 64 KiB less than a webhook's megabyte.
const pictureBytesMax = 512 << 10

// Message is one message to a partner: a CloudEvent in JSON's structured mode.
type Message struct {
	SpecVersion     string       `json:"specversion"`
	ID              string       `json:"id"` // of the journal's event: the same message that comes again has the same
	Source          string       `json:"source"`
	Type            string       `json:"type"` // watchpost.order.issued, .returned, .cancelled, .confirmed
	Time            bridge.Stamp `json:"time"`
	Subject         string       `json:"subject"`
	DataContentType string       `json:"datacontenttype"`
	Drill           bool         `json:"drill"` // an exercise: nobody goes
	Data            OrderData    `json:"data"`
}

// OrderData is all that a partner is told.
type OrderData struct {
	Schema     int              `json:"schema"`
	Order      string           `json:"order"`  // names it in replies
	Number     uint64           `json:"number"` // for people, on the telephone
	Station    string           `json:"station"`
	Class      string           `json:"class,omitempty"`
	ClassName  string           `json:"class_name,omitempty"`
	Kind       string           `json:"kind,omitempty"`
	KindName   string           `json:"kind_name,omitempty"`
	Note       string           `json:"note"`
	Place      string           `json:"place,omitempty"`
	Address    string           `json:"address_code,omitempty"`
	Position   *ingest.Position `json:"position,omitempty"`
	OccurredAt bridge.Stamp     `json:"occurred_at,omitzero"`
	IssuedAt   bridge.Stamp     `json:"issued_at"`
	Limit      bridge.Stamp     `json:"limit"`            // by when it is to be done; empty: none
	Reason     string           `json:"reason,omitempty"` // returned, cancelled: why
	Picture    *Picture         `json:"picture,omitempty"`
}

// Picture is a JPEG that goes along.
type Picture struct {
	SHA256 string `json:"sha256"`
	JPEG   string `json:"jpeg"` // base64
}

// Sender is who we are to a partner.
type Sender struct {
	Source  string // of the journal's events
	Station string // the station's name
}

// encode makes the message of one news of the task.
func (s Sender) encode(task *desk.Task, news desk.OrderNews, picture *Picture) ([]byte, error) {
	o := task.Order
	m := Message{
		SpecVersion: "1.0", ID: news.Event, Source: s.Source, Type: "watchpost.order." + news.News, Time: news.At, Subject: "orders/" + task.ID,
		DataContentType: "application/json", Drill: task.Drill,
		Data: OrderData{
			Schema: 1, Order: task.ID, Number: task.Number, Station: s.Station, Class: o.Class, ClassName: o.ClassName, Kind: o.RouteKind, KindName: o.KindName,
			Note: task.Note, Place: o.Place.Name, Address: o.Place.AddressCode, Position: o.Position, OccurredAt: o.OccurredAt,
			IssuedAt: task.IssuedAt, Limit: task.Limit, Picture: picture,
		},
	}
	if news.News == desk.NewsReturned || news.News == desk.NewsCancelled {
		m.Data.Reason = task.Reason
	}
	wire, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write order %s: %w", task.ID, err)
	}
	return wire, nil
}

// picture is the snapshot that goes along with a new order, or nil. One that is
// gone or too large stays here: the order does not wait for it.
func (c *Courier) picture(task *desk.Task, news desk.OrderNews) *Picture {
	hash := task.Order.Snapshot
	if hash == "" || news.News != desk.NewsIssued || c.o.Picture == nil {
		return nil
	}
	jpeg, err := c.o.Picture(hash)
	if err == nil && len(jpeg) > pictureBytesMax {
		err = fmt.Errorf("it has %d bytes: at most %d go along", len(jpeg), pictureBytesMax)
	}
	if err != nil {
		c.o.Log.Warn("an order goes without its picture", "order", task.ID, "picture", hash, "err", err)
		return nil
	}
	return &Picture{SHA256: hash, JPEG: base64.StdEncoding.EncodeToString(jpeg)}
}
