package main

import (
	"regexp"
	"strings"

	"github.com/watchpost-edge/watchpost/appliance/internal/partner"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest/owntracks"
	"github.com/watchpost-edge/watchpost/ingest/pillar"
)

type object = map[string]any

// schemaFormat names JSON Schema 2020-12 to readers of AsyncAPI.
const schemaFormat = "application/schema+json;version=draft-2020-12"

// channel is a topic, and what the box does with it.
type channel struct {
	id, address string
	server      string // box, headquarters
	sends       bool
	retained    bool
	says        string
	messages    []string // names of components
}

// channels are the topics of contracts.md.
func channels() []channel {
	lanes := map[bridge.Lane][]string{}
	for _, e := range events() {
		lanes[e.lane] = append(lanes[e.lane], e.typ)
	}
	const root = "watchpost/{station}/{box}/"
	forwarded := append(append(append([]string{}, lanes[bridge.Alarm]...), lanes[bridge.Notice]...), lanes[bridge.Clip]...)
	all := []channel{
		{"pillarPress", pillar.Topic("{pillar}", "press"), "box", false, false, "A button was pressed. PUBACK is not enough: the ack says that it is stored.", []string{"press"}},
		{"pillarStatus", pillar.Topic("{pillar}", "status"), "box", false, true, "How a pillar is, and its Will.", []string{"pillar-status"}},
		{"pillarAck", pillar.Topic("{pillar}", "ack"), "box", true, false, "The box has the press in its journal, or never will.", []string{"ack"}},
		{"pillarCommand", pillar.Topic("{pillar}", "command"), "box", true, false, "The person at the pillar sees that somebody has answered.", []string{"command"}},
		{"phoneLocation", owntracks.Prefix("{person}") + "{device}", "box", false, false, "Where a phone of a person on duty is.", []string{"location"}},
		{"partnerOrders", partner.Topic("{partner}", "orders"), "box", true, false, "Orders to a partner on the box's broker, and what becomes of them. A partner with a broker of its own has them on {topic}/orders.", []string{"order-message"}},
		{"partnerReply", partner.Topic("{partner}", "reply"), "box", false, false, "What the partner says. On a broker of its own: {topic}/reply.", []string{"reply"}},
		{"partnerState", partner.Topic("{partner}", "state"), "box", true, true, "Whether the box is there, and its Will: on a broker that is not the box's own only, there {topic}/state.", []string{"state"}},
		{"now", root + "up/now", "headquarters", true, false, "Every P0 at once, same id and bytes as in its lane.", forwarded},
	}
	for _, lane := range bridge.Lanes() {
		if lane.Forwarded() {
			name := strings.ToUpper(string(lane[:1])) + string(lane[1:])
			all = append(all,
				channel{"lane" + name, root + "up/" + string(lane), "headquarters", true, false, "The events of the lane, in order and without holes.", withRetired(lanes[lane])},
				channel{"replay" + name, root + "up/replay/" + string(lane), "headquarters", true, false, "What headquarters asked for again.", withRetired(lanes[lane])})
		}
	}
	return append(all,
		channel{"state", root + "state", "headquarters", true, true, "How the box is, and its Will.", []string{"state"}},
		channel{"presence", root + "down/presence", "headquarters", false, true, "Whether headquarters listens, and its Will.", []string{"presence"}},
		channel{"receipt", root + "down/receipt", "headquarters", false, false, "Headquarters' word on events.", []string{"receipt"}},
		channel{"task", root + "down/task", "headquarters", false, false, "Orders.", []string{"task"}},
		channel{"incident", root + "down/incident", "headquarters", false, false, "Incidents that headquarters reports.", []string{"incident"}},
		channel{"replay", root + "down/replay", "headquarters", false, false, "A range is wanted again.", []string{"replay"}},
	)
}

// withRetired adds journal.retired, which is sent in the lane it speaks of.
func withRetired(types []string) []string {
	const retired = "watchpost.journal.retired"
	for _, t := range types {
		if t == retired {
			return types
		}
	}
	return append(append([]string{}, types...), retired)
}

func asyncapi() object {
	chans, operations := object{}, object{}
	for _, c := range channels() {
		refs, used := object{}, []object{}
		for _, name := range c.messages {
			refs[key(name)] = object{"$ref": "#/components/messages/" + key(name)}
			used = append(used, object{"$ref": "#/channels/" + c.id + "/messages/" + key(name)})
		}
		one := object{"address": c.address, "description": c.says, "messages": refs, "servers": []object{{"$ref": "#/servers/" + c.server}}}
		if parameters := parametersOf(c.address); len(parameters) > 0 {
			one["parameters"] = parameters
		}
		chans[c.id] = one
		action := "receive"
		if c.sends {
			action = "send"
		}
		operations[c.id] = object{
			"action": action, "summary": c.says, "channel": object{"$ref": "#/channels/" + c.id}, "messages": used,
			"bindings": object{"mqtt": object{"qos": 1, "retain": c.retained, "bindingVersion": "0.2.0"}},
		}
	}
	return object{
		"asyncapi": "3.0.0",
		"info": object{"title": "Watchpost", "version": "1", "license": object{"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
			"description": "What one station's box sends and receives over MQTT 3.1.1, QoS 1: pillars, phones and partners on its own broker (or on the one that mqtt.broker names), headquarters on headquarters' broker. " +
				"Receivers treat equal source and id as the same event. The same events go to webhooks as CloudEvents batches and to NATS on watchpost.{station}.{box}.up.{lane|now|replay}; openapi.json has the HTTP API."},
		"defaultContentType": "application/json",
		"servers": object{
			"box":          server("The broker of the box: user name and password of the pillar, phone or partner.", "box"),
			"headquarters": server("The broker of headquarters: uplinks[].url.", "headquarters"),
		},
		"channels": chans, "operations": operations, "components": object{"messages": components()},
	}
}

func server(says, name string) object {
	return object{
		"host": "{" + name + "}", "protocol": "mqtt", "protocolVersion": "3.1.1", "description": says,
		"variables": object{name: object{"description": "host:port"}},
	}
}

func parametersOf(address string) object {
	says := map[string]string{
		"pillar": "id of the pillar: its user name", "person": "id of the person: the phone's user name", "device": "the phone's own name", "partner": "id of the partner: its user name",
		"station": "station.id", "box": "station.box",
	}
	all := object{}
	for _, found := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(address, -1) {
		all[found[1]] = object{"description": says[found[1]]}
	}
	return all
}

// key is a name as AsyncAPI takes it for a component.
func key(name string) string { return strings.ReplaceAll(name, ".", "_") }

func components() object {
	all := object{}
	for _, e := range events() {
		payload := object{"allOf": []object{
			{"$ref": "schemas/event.json"},
			{"properties": object{"type": object{"const": e.typ}, "data": object{"$ref": "schemas/" + e.typ + ".json"}}},
		}}
		if e.lane.Forwarded() {
			all[key(e.typ)] = component(e.typ, e.says, "application/cloudevents+json", payload)
		}
	}
	for _, m := range messages() {
		if m.name == "event" || strings.HasPrefix(m.name, "watchpost.") {
			continue // parts of messages
		}
		one := component(m.name, m.says, "application/json", object{"$ref": "schemas/" + m.name + ".json"})
		var examples []object
		for _, payload := range m.examples {
			examples = append(examples, object{"payload": payload})
		}
		if len(examples) > 0 {
			one["examples"] = examples
		}
		all[key(m.name)] = one
	}
	return all
}

func component(name, says, content string, schema object) object {
	return object{"name": name, "title": name, "summary": says, "contentType": content, "payload": object{"schemaFormat": schemaFormat, "schema": schema}}
}
