// Package desk is the only place where an alert or an incident is born, and
// the only writer of the journal. Step decides, Apply folds, Handle does both
// under one lock and answers only after the journal has synced.
package desk
