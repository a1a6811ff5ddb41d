package desk

// NotUploaded are the parts of clips that headquarters has not, and that are
// not evicted, in no particular order.
func (s *State) NotUploaded() []*Clip {
	var list []*Clip
	for _, c := range s.k.Clips {
		if c.UploadedAt.IsZero() && c.Evicted == "" {
			list = append(list, c)
		}
	}
	return list
}
