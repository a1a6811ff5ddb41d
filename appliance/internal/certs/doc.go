// Package certs owns the box's certificates: its own CA, made at the first
// start, and what the box shows to browsers and pillars, issued by it or given
// by the configuration.
//
// The CA signs for nothing but this box: it is limited to the box's own names
// and to addresses, so that a phone that trusts it trusts it with nothing else.
// Its key stays in the data directory, readable by the box alone.
//
// A certificate is changed without a restart: new files, a new address of the
// machine, an expiry that comes near. Every new connection gets the newest.
//
// It fails at Open, with the path, when there is no certificate at all. Later,
// files that do not fit together are refused with a log line and told by
// Trouble, and the certificate before them stays in force.
package certs
