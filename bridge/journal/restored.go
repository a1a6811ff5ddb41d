package journal

import (
	"errors"
	"fmt"
)

// Restored begins a new epoch in a folder that was restored from a copy, and
// returns it: headquarters may have had events after the copy was made, so the
// old numbers must not be given out again. The new one starts with the state of
// the newest checkpoint; what the uplinks have not had of the old one goes
// first (Older). No box may have the journal open: that is ErrHeld.
func Restored(options Options) (epoch string, err error) {
	options = options.withDefaults()
	lock, err := lockDirShared(options.Dir)
	if err != nil {
		return "", fmt.Errorf("restore journal %s: %w", options.Dir, err)
	}
	defer lock.release()
	before, err := newestEpoch(options.Dir)
	if err == nil && before == "" {
		err = errors.New("there is none")
	}
	if err == nil {
		epoch, err = beginEpoch(options, before, map[string][]byte{metaCarried: []byte(newestCheckpointOf(options.Dir, before))})
	}
	if err != nil {
		return "", fmt.Errorf("restore journal %s: %w", options.Dir, err)
	}
	return epoch, nil
}
