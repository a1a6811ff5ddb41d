package desk

import "slices"

// AllPictures are those of all of the task's reports, as far as its history
// goes back: SHA-256, hex.
func (task *Task) AllPictures() []string {
	all := slices.Clone(task.Pictures)
	for i := range task.History {
		all = append(all, task.History[i].Pictures...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// PicturesNamed are those of the reports of all tasks that the state holds.
func (s *State) PicturesNamed() map[string]bool {
	named := map[string]bool{}
	for _, task := range s.k.Tasks {
		for _, hash := range task.AllPictures() {
			named[hash] = true
		}
	}
	return named
}

// StillsOf are an incident's stills: the newest of each alert, and those of its
// orders' reports.
func (s *State) StillsOf(incident string) []string {
	var all []string
	for _, a := range s.AlertsOf(incident) {
		if a.Snapshot != "" {
			all = append(all, a.Snapshot)
		}
	}
	for _, task := range s.TasksOf(incident) {
		all = append(all, task.AllPictures()...)
	}
	return all
}
