package journal

import (
	"errors"
	"fmt"
)

var (
	// ErrClosed refuses appends and reads after Close.
	ErrClosed = errors.New("journal is closed")
	// ErrFailed refuses appends after a write to disk failed.
	ErrFailed = errors.New("journal failed to write")
	// ErrReadOnly refuses appends to a journal opened by OpenReadOnly.
	ErrReadOnly = errors.New("journal is read-only")
	// ErrTooLarge refuses an event above bridge.EventMaxBytes, a step above
	// StepBytesMax, or a key above 1 KiB. Nothing has changed.
	ErrTooLarge = errors.New("too large for the journal")
	// ErrDraft refuses a draft that cannot be an event. Nothing has changed.
	ErrDraft = errors.New("not an event")
	// ErrReserve refuses all but alarms: the disk is below Options.Reserve.
	// Nothing has changed.
	ErrReserve = errors.New("disk is below the journal's reserve: only alarms are taken")
	// ErrFull refuses everything: the last of the reserve is what badger needs
	// to stay alive. Nothing has changed.
	ErrFull = errors.New("disk is full: nothing can be recorded")
	// ErrHeld says that another process has the journal open.
	ErrHeld = errors.New("journal is held by another process: stop it, or ask the running box (GET /api/v1/journal)")
)

// DamagedError says that the contents of a journal are wrong: not that they
// cannot be reached. Only this allows a journal to be set aside.
type DamagedError struct {
	Path  string // of the epoch's directory
	Place uint64 // where it was seen; 0 when it is not about one place
	Why   error
}

func (e *DamagedError) Error() string {
	if e.Place == 0 {
		return fmt.Sprintf("journal %s is damaged: %v", e.Path, e.Why)
	}
	return fmt.Sprintf("journal %s is damaged at place %d: %v", e.Path, e.Place, e.Why)
}

func (e *DamagedError) Unwrap() error { return e.Why }
