// Package review counts what the journal tells (研判): by hour, weekday, place,
// beat, kind, source, team and priority, how long incidents waited, which rule
// cries wolf, where they cluster, and what each person did.
//
// It owns a projection: Book follows the journal from a place of its own and
// keeps, for the newest days, what each incident and order came to, and for
// every older day its counts. Its file below the data folder spares a start
// reading the journal; without the file it is made again from the journal, byte
// for byte. The days' counts are events (desk.ReviewDay), so that they outlive
// the incidents they were counted from; README.md says how they outlive the
// retirement of the events themselves.
//
// It refuses to count drills, to rank residents and to know people: what a
// report says of its place in free text is never kept, and what officers did
// stands in lists of its own for them and their leads. An event that it cannot
// read is counted and skipped: a review is no reason to stop the room. It fails
// only when the journal cannot be read.
package review
