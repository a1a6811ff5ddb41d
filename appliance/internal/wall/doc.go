// Package wall owns what people and browsers see and press: the HTTP API that
// openapi.json describes, the stream of changes, live video (package whep) and
// the front end's files. It decides nothing: what is done to an incident is an
// input to the desk, and everything it shows comes from the desk, the journal
// and the station through the interfaces in parts.go.
//
// # How a page stays true
//
// A browser loads /room, which is true as of one place of the journal, and
// then follows /events from that place. Each event there is one resource,
// whole, in the order of touching, so nothing is queued for a browser: a slow
// one gets fewer, newer versions, and one that comes back continues from
// Last-Event-ID. What is no longer kept is answered with 410, and the browser
// loads /room again.
//
// # What it refuses
//
// Every route has a row in access.DefaultTable; without a row, a session and
// the role it is refused. Without TLS only loopback is served, unless the
// configuration says insecure; others are sent to TLS. State is changed by
// same-origin requests only. A caller is held to his cameras, an uplink's token
// to its uplink, a locked desk to what a screen may. Bodies, headers, streams
// and live pictures are bounded in size, number and time.
//
// # How it fails
//
// Errors are application/problem+json with a stable code, the field, the value
// and the remedy. A client that does not read for Limits.Write is cut
// and counted. A panic ends the process: the journal makes a start harmless.
// Looks, logins and refusals go to the Access callback before the answer.
package wall
