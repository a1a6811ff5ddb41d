package station

import (
	"context"
	"fmt"
	"sync"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
)

// olderEpochs are the journals before this one, for as long as the forwarder
// has them open.
type olderEpochs struct {
	mu  sync.Mutex
	all []*journal.Older // nil: they are still being read
}

// openOlder gives the forwarder what goes before the journal.
func (s *Station) openOlder(ctx context.Context) ([]bridge.OlderReader, error) {
	all, err := s.journal.Older(ctx, carriers(s.cfg.Uplinks))
	s.older.mu.Lock()
	defer s.older.mu.Unlock()
	s.older.all = append([]*journal.Older{}, all...)
	readers := make([]bridge.OlderReader, len(all))
	for i, one := range all {
		readers[i] = one
	}
	return readers, err
}

// carriers are the uplinks of each lane.
func carriers(uplinks []config.Uplink) map[bridge.Lane][]string {
	names := map[bridge.Lane][]string{}
	for _, u := range uplinks {
		for _, lane := range u.Lanes {
			names[bridge.Lane(lane)] = append(names[bridge.Lane(lane)], u.Name)
		}
	}
	return names
}

// asideText says how far a journal that was set aside has been sent.
func (o *olderEpochs) asideText(path string, uplinks []config.Uplink) string {
	return o.sentText(path, uplinks) + "; what came after its last checkpoint is not in the room: " +
		"run `watchpost journal salvage`, record again what is missing, then move the folder away"
}

func (o *olderEpochs) sentText(path string, uplinks []config.Uplink) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		return "it is being read for the uplinks"
	}
	for _, one := range o.all {
		if one.From() != path {
			continue
		}
		waiting := uint64(0)
		for _, u := range uplinks {
			var lanes []bridge.Lane
			for _, lane := range u.Lanes {
				lanes = append(lanes, bridge.Lane(lane))
			}
			waiting += one.Waiting(u.Name, lanes)
		}
		if waiting == 0 {
			return "the uplinks have all that can be read of it"
		}
		return fmt.Sprintf("%d of its events go to the uplinks first", waiting)
	}
	return "nothing of it can be sent to the uplinks"
}
