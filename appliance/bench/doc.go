// Package bench holds the shows that cross packages: Watchpost beside its
// peers in one run, on the real journal, the real uplinks and Debian's brokers.
// Each has a long form for `make bench` or `make soak` and, where it can break
// silently, a short one for `make test`.
//
// It owns no code of the program. It fails when something is lost, late or out
// of order; that a machine is slow is a figure, not a failure.
package bench
