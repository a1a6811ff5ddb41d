package desk

// IndexSize is how many entries the state's index has: it must not grow with
// what has happened, only with what there is.
func IndexSize(s *State) int {
	ix := &s.ix
	n := len(ix.open) + len(ix.joins) + len(ix.signs) + len(ix.sightings) + len(ix.presses) + len(ix.same) + len(ix.silent) + len(ix.similar) +
		len(ix.runs) + len(ix.deadlines) + len(ix.closed) + len(ix.touched) +
		len(ix.tasks.open) + len(ix.tasks.reports) + len(ix.tasks.orders) + len(ix.tasks.about) + len(ix.tasks.done)
	for _, incidents := range ix.similar {
		n += len(incidents)
	}
	for _, waiting := range ix.tasks.waiting {
		n += len(waiting)
	}
	return n
}
