package desk

// ReportedAbove is the room's incident that headquarters reported and names by
// its own id; "" when the room has none.
func (s *State) ReportedAbove(uplink, id string) string {
	if a := s.k.Alerts[s.ix.above[HQKey(uplink, id)]]; a != nil {
		return s.final(a.Incident)
	}
	return ""
}
