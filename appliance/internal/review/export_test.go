package review

import "encoding/json"

// CatchUp folds all that the journal holds now, as Run does.
func (b *Book) CatchUp() error {
	for {
		place := b.o.Journal.Last()
		more, err := b.fold()
		if err != nil {
			return err
		}
		if !more {
			b.reach(place)
			return nil
		}
	}
}

// Bytes are what the file would hold.
func (b *Book) Bytes() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return json.Marshal(b.kept)
}

// CountForGood lets go what all days so far were counted from.
func (b *Book) CountForGood(through string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept.count(through)
}

// Skipped are events that could not be read.
func (b *Book) Skipped() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kept.Skipped
}
