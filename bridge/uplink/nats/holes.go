package nats

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/watchpost-edge/watchpost/bridge"
)

const keptHolesMax = 64 // of lanes in epochs

// keptHole is a hole as the state file has it.
type keptHole struct {
	Epoch string      `json:"epoch"`
	Lane  bridge.Lane `json:"lane"`
	First uint64      `json:"first"`
	Last  uint64      `json:"last"`
	Count int         `json:"count"`
}

// loadHoles takes up, once, where an earlier run left lanes out of order in
// the stream. A file that cannot be read costs order, not events: headquarters
// sees the gap and asks for it.
func (u *Uplink) loadHoles() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.loaded || u.options.StateFile == "" {
		return
	}
	u.loaded = true
	b, err := os.ReadFile(u.options.StateFile)
	var kept []keptHole
	if err == nil {
		err = json.Unmarshal(b, &kept)
	}
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			u.options.Logger.Warn("where the stream is out of order is not known", "file", u.options.StateFile, "err", err)
		}
		return
	}
	for _, k := range kept {
		u.holes[laneOf{k.Epoch, k.Lane}] = hole{first: k.First, last: k.Last, count: k.Count}
	}
}

// keepHoles writes them, synced: the next publish counts on it. u.mu is held.
// Those of older epochs are kept too, since what the stream lacks of these goes
// before the journal; of too many the oldest are left out.
func (u *Uplink) keepHoles() error {
	if u.options.StateFile == "" {
		return nil
	}
	var kept []keptHole
	for lane, h := range u.holes {
		kept = append(kept, keptHole{lane.epoch, lane.lane, h.first, h.last, h.count})
	}
	slices.SortFunc(kept, func(a, b keptHole) int { return cmp.Compare(b.Epoch, a.Epoch) })
	kept = kept[:min(len(kept), keptHolesMax)]
	b, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(u.options.StateFile), 0o700); err != nil {
		return fmt.Errorf("keep holes: %w", err)
	}
	return bridge.ReplaceFile(u.options.StateFile, b, true)
}
