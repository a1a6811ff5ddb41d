// Package partner carries work orders to other authorities and brings what
// they answer (分流): one courier for each partner that has a line.
//
// It owns what leaves the box to a partner (message.go: the kind, the place,
// the address, the note, the position and the times of its own order; the
// incident's snapshot only where the configuration says so; nothing of other
// incidents, of alerts, clips, cameras or people), how a reply is read
// (reply.go), and when a message goes (courier.go). It decides nothing: what is
// to be told, and what a reply means, is the desk's.
//
// There is no queue here. The desk's state, a fold over the journal, knows
// which news of which order the partner has not got; the courier sends the
// oldest and tells the desk, whose task.delivered is the cursor. A crash in
// between sends the same message again, under the same id. So nothing a partner
// does or does not do holds the journal back: what waits for longer than
// max_backlog is set aside, said and shown.
//
// How it fails: a line that is not there is tried again, with growing pauses,
// and touches no other partner; a message that the partner's system refuses
// (400, 413, 422) is set aside with its reason; a reply that nobody can take is
// refused where the line has an answer, counted and shown.
package partner
