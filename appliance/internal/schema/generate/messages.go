package main

import (
	"encoding/json"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/partner"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/pillar"
)

// message is what goes over a wire and is no event of the journal, or the
// event's envelope.
type message struct {
	name     string
	payload  any
	says     string
	examples []any
}

// The messages that come from outside, as their senders write them: what the
// box reads of them. Only what it cannot do without is required. The tests give
// the examples to the decoders of the product.

type press struct {
	ID       string           `json:"id"`                 // the pillar's own: an ack names it
	Kind     ingest.PressKind `json:"kind"`               //
	At       string           `json:"at,omitempty"`       // RFC 3339 by the pillar's clock; left out: the arrival counts
	Seq      uint64           `json:"seq,omitempty"`      //
	Replayed bool             `json:"replayed,omitempty"` // a resend differs in this only
}

type pillarStatus struct {
	Online    bool   `json:"online"`               // its Will is false
	At        string `json:"at,omitempty"`         // RFC 3339
	BatteryMV *int   `json:"battery_mv,omitempty"` // millivolts
	RSSIdBm   *int   `json:"rssi_dbm,omitempty"`   // signal strength (dBm)
	Firmware  string `json:"firmware,omitempty"`   // version of its program
	Tampered  bool   `json:"tampered,omitempty"`   // its case is open
}

type location struct {
	Type string   `json:"_type"`          // location; all else is ignored
	Lat  float64  `json:"lat"`            //
	Lon  float64  `json:"lon"`            //
	Tst  float64  `json:"tst"`            // seconds since 1970 by the phone's clock
	Acc  *float64 `json:"acc,omitempty"`  // metres
	Batt *float64 `json:"batt,omitempty"` // percent
	Vel  *float64 `json:"vel,omitempty"`  // km/h; −1: unknown
	Cog  *float64 `json:"cog,omitempty"`  // degrees clockwise from true north; −1: unknown
}

type reply struct {
	Order    string   `json:"order"`              // id, as it was sent
	ID       string   `json:"id,omitempty"`       // the partner's own: the same reply again is taken once
	Result   string   `json:"result"`             // accepted, done, refused
	Report   string   `json:"report,omitempty"`   // done: what was done
	Pictures []string `json:"pictures,omitempty"` // SHA-256, hex
	Reason   string   `json:"reason,omitempty"`   // refused: why
}

type presence struct {
	Listening bool `json:"listening"` // whether headquarters takes events now; its Will is false
}

type receipt struct {
	ID      string      `json:"id,omitempty"`      // of the event; or epoch, lane and through
	Epoch   string      `json:"epoch,omitempty"`   //
	Lane    bridge.Lane `json:"lane,omitempty"`    //
	Through uint64      `json:"through,omitempty"` //
	Result  string      `json:"result"`            // received, accepted, rejected
	Reason  string      `json:"reason,omitempty"`  // rejected: why
	By      string      `json:"by,omitempty"`      // the person there
	At      string      `json:"at,omitempty"`      // RFC 3339
}

type orderFromAbove struct {
	ID       string        `json:"id"`                 // headquarters' own: the same again is the same order
	Kind     desk.TaskKind `json:"kind,omitempty"`     // instruction when left out
	Template string        `json:"template,omitempty"` //
	To       string        `json:"to,omitempty"`       // person, team or post; left out: the room
	Limit    string        `json:"limit,omitempty"`    // RFC 3339, or how long from now, like 30m
	Note     string        `json:"note,omitempty"`     //
	Incident string        `json:"incident,omitempty"` // ours, or headquarters' own id of one that it reported
	Priority string        `json:"priority,omitempty"` //
	Cancel   bool          `json:"cancel,omitempty"`   // the order with this id is taken back
	Reason   string        `json:"reason,omitempty"`   // with cancel
	By       string        `json:"by,omitempty"`       // with cancel: the person there
}

type incidentFromAbove struct {
	ID       string           `json:"id"`                 // headquarters' own
	Kind     string           `json:"kind"`               // theft, fight, …
	Priority string           `json:"priority,omitempty"` //
	Place    string           `json:"place,omitempty"`    // id of a place
	Position *ingest.Position `json:"position,omitempty"` //
	Note     string           `json:"note,omitempty"`     //
	At       string           `json:"at,omitempty"`       // RFC 3339
}

func messages() []message {
	example := func(texts ...string) (all []any) {
		for _, text := range texts {
			all = append(all, json.RawMessage(text))
		}
		return all
	}
	return []message{
		{"event", bridge.Event{}, "The envelope of every event: CloudEvents 1.0, JSON structured mode. data and datasalt are both absent when the data was withheld or erased.", nil},
		{"press", press{}, "A button was pressed. The pillar keeps it until an ack names its id.", example(
			`{"id":"e1","kind":"alarm","at":"2026-01-02T15:04:05.000Z","seq":42,"replayed":false}`, `{"id":"e2","kind":"duress"}`)},
		{"pillar-status", pillarStatus{}, "How a pillar is; retained.", example(
			`{"online":true,"at":"2026-01-02T15:04:05.000Z","battery_mv":12100,"rssi_dbm":-61,"firmware":"1.4.2","tampered":false}`, `{"online":false}`)},
		{"ack", pillar.Ack{}, "The box's word on one press, after its journal has it.", nil},
		{"command", pillar.Command{}, "What a pillar shows and says: somebody has answered.", nil},
		{"location", location{}, "Where a phone is (OwnTracks).", example(`{"_type":"location","lat":28.69,"lon":115.99,"tst":1767366245,"acc":12,"batt":80,"vel":4,"cog":90}`)},
		{"order-message", partner.Message{}, "What a partner is told of an order: a CloudEvent.", nil},
		{"watchpost.order.issued", partner.OrderData{}, "To a partner: a new order.", nil},
		{"watchpost.order.returned", partner.OrderData{}, "To a partner: it is to be done again, or differently.", nil},
		{"watchpost.order.cancelled", partner.OrderData{}, "To a partner: it is not wanted any more.", nil},
		{"watchpost.order.confirmed", partner.OrderData{}, "To a partner: the room is content.", nil},
		{"reply", reply{}, "What a partner says of its order.", example(
			`{"order":"01J00000000000000000000000","id":"r1","result":"done","report":"lamp replaced"}`, `{"order":"01J00000000000000000000000","result":"accepted"}`)},
		{"state", bridge.State{}, "How the box is; retained, never queued. Its Will is {\"online\":false}.", nil},
		{"presence", presence{}, "Whether headquarters listens; retained.", example(`{"listening":true}`)},
		{"receipt", receipt{}, "Headquarters' word on one event, or on a lane up to a sequence.", example(
			`{"id":"01J00000000000000000000000","result":"accepted","by":"wang","at":"2026-01-02T15:04:05.000Z"}`,
			`{"epoch":"01J00000000000000000000000","lane":"alarm","through":42,"result":"received"}`)},
		{"replay", bridge.Replay{}, "Headquarters asks for a range again.", example(`{"request":"r1","epoch":"01J00000000000000000000000","lane":"alarm","from":1,"to":42}`)},
		{"task", orderFromAbove{}, "An order from headquarters, or its cancelling; answered by order.answered.", example(
			`{"id":"T-1","to":"wu","note":"到场核查","limit":"30m","incident":"I-7"}`, `{"id":"T-1","cancel":true,"by":"zhao","reason":"done by others"}`)},
		{"incident", incidentFromAbove{}, "An incident that headquarters reports; answered by order.answered.", example(
			`{"id":"I-7","kind":"theft","priority":"P1","position":{"lat":28.69,"lon":115.99},"note":"电动车被盗","at":"2026-01-02T15:04:05.000Z"}`)},
	}
}
