package station

import (
	"fmt"

	"github.com/watchpost-edge/watchpost/appliance/internal/health"
	"github.com/watchpost-edge/watchpost/bridge/journal"
)

func (s *Station) journalFindings() []health.Finding {
	list := spaceFindings(s.journal.Space(), s.cfg.Data.Journal.Dir)
	aside, err := s.journal.Aside()
	if err != nil {
		return append(list, health.Finding{Code: "journal_damaged", Text: err.Error(), Params: said("case", "unread", "why", err.Error())})
	}
	for _, path := range aside {
		list = append(list, health.Finding{Code: "journal_damaged", Subject: path, Text: s.older.asideText(path, s.cfg.Uplinks)})
	}
	return list
}

// spaceFindings says what the disk has no room for.
func spaceFindings(now journal.Space, dir string) []health.Finding {
	var list []health.Finding
	room := said("mib", (now.Free+now.Ballast)>>20, "dir", dir)
	left := fmt.Sprintf("%d MiB are left for %s; delete or move what does not belong there", (now.Free+now.Ballast)>>20, dir)
	switch now.Level {
	case journal.LevelNone:
		list = append(list, health.Finding{Code: "journal_full", Text: left, Params: room})
	case journal.LevelAlarms:
		list = append(list, health.Finding{Code: "journal_reserve", Text: left, Params: room})
	}
	switch {
	case now.Trouble != "":
		list = append(list, health.Finding{Code: "journal_reserve_small", Text: now.Trouble, Params: said("case", "trouble", "why", now.Trouble)})
	case now.Reserve < now.Wanted:
		list = append(list, health.Finding{Code: "journal_reserve_small", Text: fmt.Sprintf(
			"%d of %d MiB: the disk of %s is too small for data.journal.reserve", now.Reserve>>20, now.Wanted>>20, dir),
			Params: said("mib", now.Reserve>>20, "wanted", now.Wanted>>20, "dir", dir)})
	}
	return list
}
