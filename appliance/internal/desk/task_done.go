package desk

import (
	"fmt"
	"slices"
	"strings"
)

// What counts as done: an order made from a template is reported with all of
// its steps ticked and as many pictures as it wants, or with a reason why not.

// missing are the steps that nobody has ticked yet, from 1, were these ticked
// now.
func (task *Task) missing(ticked []int) []int {
	var missing []int
	for i := range task.Steps {
		if task.Steps[i].DoneAt.IsZero() && !slices.Contains(ticked, i+1) {
			missing = append(missing, i+1)
		}
	}
	return missing
}

// doneBy are the steps that a verb ticks by itself, from 1: what it says is what
// they mean.
func (task *Task) doneBy(verb string) []int {
	var done []int
	for i := range task.Steps {
		if task.Steps[i].DoneBy == verb && task.Steps[i].DoneAt.IsZero() {
			done = append(done, i+1)
		}
	}
	return done
}

// checkSteps checks what a report or a tick says of the task's steps, and that
// a report is whole or says why it is not.
func (task *Task) checkSteps(in TaskActionIn) error {
	steps := in.Verb == verbReport || in.Verb == verbTick
	switch {
	case !steps && len(in.Steps) > 0:
		return &InvalidError{"steps", fmt.Sprint(in.Steps[0]), "none: steps are ticked with tick or report"}
	case in.Verb == verbTick && len(in.Steps) == 0:
		return &InvalidError{"steps", "", fmt.Sprintf("the numbers of the steps that are done, 1 to %d", len(task.Steps))}
	}
	for i, n := range in.Steps {
		if n < 1 || n > len(task.Steps) || slices.Contains(in.Steps[:i], n) {
			return &InvalidError{"steps", fmt.Sprint(n), fmt.Sprintf("numbers of the order's steps, 1 to %d, each once", len(task.Steps))}
		}
	}
	if in.Verb != verbReport || in.Reason != "" {
		return nil
	}
	if missing := task.missing(in.Steps); len(missing) > 0 {
		names := make([]string, len(missing))
		for i, n := range missing {
			names[i] = task.Steps[n-1].Name
		}
		return &InvalidError{"steps", cut(strings.Join(names, ", ")), "each step ticked, or a reason why one was left out"}
	}
	if len(in.Pictures) < task.Wanted {
		return &InvalidError{"pictures", fmt.Sprint(len(in.Pictures)), fmt.Sprintf("%d of them, or a reason why there are fewer", task.Wanted)}
	}
	return nil
}
