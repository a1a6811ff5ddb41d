package desk

// scoredStepsMax bounds the steps of orders in one score; those left out are
// counted (journal.md bounds an event).
const scoredStepsMax = 100

// scoreOrders adds the steps of the incident's orders that had limits of their
// own, in the order in which they were given out. What was cancelled or handed
// back is nobody's to be scored, and a step that still has time has none yet.
func (t *step) scoreOrders(inc *Incident, data *IncidentScored) {
	for _, task := range t.s.TasksOf(inc.ID) {
		if task.Drill || task.State == Cancelled || task.State == HandedBack {
			continue
		}
		for i := range task.Steps {
			one, is := t.scoreStep(task, i)
			switch {
			case !is:
			case len(data.Steps) >= scoredStepsMax:
				data.More++
			default:
				data.Steps = append(data.Steps, one)
			}
		}
	}
}

// scoreStep is what one step of an order is worth now; none without a limit of
// its own, or with one that is still to come.
func (t *step) scoreStep(task *Task, i int) (one ScoredStep, is bool) {
	step, points := &task.Steps[i], t.r.setup.Points
	one = ScoredStep{
		Task: task.ID, Step: i + 1, Name: step.Name, By: step.By, LimitMS: step.Limit.Sub(task.IssuedAt.Time).Milliseconds(),
		Result: "in_time", Points: points.InTime,
	}
	done := step.DoneAt
	if done.IsZero() {
		done, one.By = t.now, task.AcceptedBy
	}
	one.TookMS = done.Sub(task.IssuedAt.Time).Milliseconds()
	switch {
	case step.Limit.IsZero():
		return one, false
	case step.DoneAt.IsZero() && !task.State.running():
		one.Result, one.Points, one.TookMS = "missing", points.Missing, 0 // reported without it
	case step.DoneAt.IsZero() && !isDue(step.Limit, t.now):
		return one, false
	case done.After(step.Limit.Time) || step.DoneAt.IsZero():
		one.Result, one.Points = "late", points.Late
	}
	return one, true
}
