package vision

// pending tells whether some rule has begun to be met and waits for its time
// to be over: it must not be looked at less often meanwhile.
func (w *watch) pending() bool {
	for _, x := range w.watchers {
		if p, ok := x.(interface{ pending() bool }); ok && p.pending() {
			return true
		}
	}
	return false
}

func (w *zoneWatch) pending() bool {
	for _, s := range w.stays {
		if !s.raised && !s.counted {
			return true
		}
	}
	return false
}

func (e *episode) pending() bool { return e.running && !e.raised }

func (w *changeWatch) pending() bool {
	for _, e := range w.episodes {
		if e.pending() {
			return true
		}
	}
	return false
}
