package desk

import (
	"errors"
	"fmt"
	"strings"

	"github.com/watchpost-edge/watchpost/bridge"
)

// ErrGone says that Since was asked for a place from which the state cannot
// tell what changed: it lies in the future (another epoch), or something that
// has left the state since was touched after it. The client loads everything.
var ErrGone = errors.New("place is no longer kept: load everything")

// NotFoundError says that a resource does not exist.
type NotFoundError struct{ What, ID string } // What: incident, alert, pillar, …

func (e *NotFoundError) Error() string { return fmt.Sprintf("%s %q: not found", e.What, e.ID) }

// IllegalError says that the state of an incident or a task does not have the
// transition.
type IllegalError struct {
	What, ID string // What: incident, task
	Verb     string
	State    string
	Possible []string // verbs that the state has for this role
	Why      string   // when the state alone does not say it
}

func (e *IllegalError) Error() string {
	text := fmt.Sprintf("%s %s %s: it is %s", e.Verb, e.What, e.ID, e.State)
	if e.Why != "" {
		text += ": " + e.Why
	}
	return text + "; possible: " + strings.Join(e.Possible, ", ")
}

// ConflictError says that somebody else was first.
type ConflictError struct {
	What, ID string       // incident
	By       string       // who has it
	At       bridge.Stamp // since when
	Remedy   string
}

func (e *ConflictError) Error() string {
	text := fmt.Sprintf("%s %s: taken", e.What, e.ID)
	if e.By != "" {
		text += fmt.Sprintf(" by %s at %s", e.By, e.At)
	}
	if e.Remedy != "" {
		text += "; " + e.Remedy
	}
	return text
}

// ForbiddenError says that the role may not do this.
type ForbiddenError struct {
	Verb, Role string
	Needs      []string // roles that may
}

func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("%s: role %q may not; needs %s", e.Verb, e.Role, strings.Join(e.Needs, " or "))
}

// InvalidError says which field of the input is bad and what would be good.
type InvalidError struct{ Field, Value, Remedy string }

func (e *InvalidError) Error() string {
	return fmt.Sprintf("%s %q: want %s", e.Field, e.Value, e.Remedy)
}
