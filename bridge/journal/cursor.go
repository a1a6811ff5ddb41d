package journal

import (
	"fmt"
	"strings"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Cursor implements bridge.Reader. It answers from memory.
func (j *Journal) Cursor(name string, lane bridge.Lane) (uint64, error) {
	key, err := checkCursor(name, lane)
	if err != nil {
		return 0, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.cursors[key], nil
}

// SaveCursor implements bridge.Reader. A position that is not synced yet is
// refused: after a power cut it would be beyond the journal's end.
func (j *Journal) SaveCursor(name string, lane bridge.Lane, position uint64) error {
	key, err := checkCursor(name, lane)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return fmt.Errorf("save cursor %s/%s: %w", name, lane, j.err)
	}
	end := j.synced.place
	if lane != "" {
		end = j.synced.lanes[lane.Code()].sequence
	}
	if position > end {
		return fmt.Errorf("save cursor %s/%s: position %d is beyond %d", name, lane, position, end)
	}
	if j.cursors[key] != position {
		j.cursors[key] = position
		j.dirty[key] = position
	}
	return nil
}

func checkCursor(name string, lane bridge.Lane) (string, error) {
	if name == "" || len(name) > nameBytesMax || strings.IndexByte(name, 0) >= 0 {
		return "", fmt.Errorf("cursor %q: want a name of 1 to %d bytes", name, nameBytesMax)
	}
	if lane != "" && lane.Code() == 0 {
		return "", fmt.Errorf("cursor %s: unknown lane %q", name, lane)
	}
	return string(cursorKey(name, lane)), nil
}
