package desk

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// taskIndex is what is derived from the tasks.
type taskIndex struct {
	open    map[string]struct{}            // tasks that have not ended
	reports map[string]string              // event that waits for headquarters' judgement → its task: task.reported, task.issued of what was pushed up
	orders  map[string]string              // HQKey of an order from above → its task
	about   map[string]string              // what an open supervision order is about → the order
	done    []ending                       // by time
	waiting map[string]map[string]struct{} // partner → its orders with news that its line has not taken
}

type ending struct {
	at   bridge.Stamp
	task string
}

func newTaskIndex() taskIndex {
	return taskIndex{open: map[string]struct{}{}, reports: map[string]string{}, orders: map[string]string{}, about: map[string]string{}, waiting: map[string]map[string]struct{}{}}
}

func (ix *index) buildTasks(k *kept) {
	for _, task := range k.Tasks {
		ix.touched = append(ix.touched, ref{task.Touched, kindTask, task.ID})
		ix.addTask(task)
		ix.addTaskDeadline(task)
		ix.addEnding(task)
	}
	slices.SortFunc(ix.tasks.done, func(a, b ending) int {
		if c := a.at.Compare(b.at.Time); c != 0 {
			return c
		}
		return strings.Compare(a.task, b.task)
	})
}

// addTask indexes a new or changed task.
func (ix *index) addTask(task *Task) {
	ix.addWaiting(task)
	if task.State == Reported {
		ix.tasks.reports[task.ReportEvent] = task.ID
	} else {
		delete(ix.tasks.reports, task.ReportEvent)
	}
	ix.addOrder(task)
	if task.State.done() {
		delete(ix.tasks.open, task.ID)
		return
	}
	ix.tasks.open[task.ID] = struct{}{}
}

// addEnding notes until when a task that has ended is remembered.
func (ix *index) addEnding(task *Task) {
	if task.State.done() {
		ix.tasks.done = append(ix.tasks.done, ending{task.EndedAt, task.ID})
	}
}

func (ix *index) addTaskDeadline(task *Task) {
	if due := task.due(); !task.State.done() && !due.IsZero() {
		heap.Push(&ix.deadlines, deadline{at: due, task: task.ID})
	}
}

// addOrder indexes what is looked for by others than the task's own id.
func (ix *index) addOrder(task *Task) {
	if task.HQID != "" {
		for _, id := range task.ids() {
			ix.tasks.orders[HQKey(task.Uplink, id)] = task.ID
		}
	}
	if task.Kind == Push && len(task.History) > 0 {
		if event := task.History[0].Event; task.State == Issued {
			ix.tasks.reports[event] = task.ID
		} else {
			delete(ix.tasks.reports, event)
		}
	}
	switch {
	case task.Kind != Supervision:
	case !task.State.done():
		ix.tasks.about[task.About] = task.ID
	case ix.tasks.about[task.About] == task.ID:
		delete(ix.tasks.about, task.About)
	}
}

func (s *State) putTask(task *Task, e *bridge.Event, line TaskStep) {
	line.At, line.Event, line.Place, line.Type = e.RecordedTime, e.ID, s.k.Place, strings.TrimPrefix(e.Type, typePrefix)
	if len(task.History) >= taskHistoryMax {
		task.History = append(slices.Clone(task.History[:1]), task.History[taskHistoryMax/2:]...)
	}
	task.History = append(task.History, line)
	task.Touched = s.k.Place
	old := s.k.Tasks[task.ID]
	s.k.Tasks[task.ID] = task
	s.ix.touch(&s.k, ref{s.k.Place, kindTask, task.ID})
	s.ix.addTask(task)
	if old == nil || old.due() != task.due() {
		s.ix.addTaskDeadline(task)
	}
	if old == nil || !old.State.done() {
		s.ix.addEnding(task)
	}
	if inc := s.change(task.Incident); inc != nil {
		if e.Type == TypeTaskIssued {
			inc.Tasks = append(inc.Tasks, task.ID)
		}
		note := line.Note
		if line.What != "" { // the order itself names whom or what
			note = ""
		}
		s.line(inc, e, Step{By: line.By, Task: task.ID, Reason: line.Reason, Note: note})
		s.putIncident(inc)
	}
}

func (s *State) taskIssued(e *bridge.Event, data *TaskIssued) {
	if data.Task == "" || s.k.Tasks[data.Task] != nil {
		return // ids are given once: this is no event of a desk
	}
	s.k.TaskCount++
	s.putTask(&Task{
		ID: data.Task, Number: s.k.TaskCount, Kind: cmp.Or(data.Kind, PlainTask), State: Issued, Priority: data.Priority, Drill: e.Drill, Incident: data.Incident,
		About: data.About, Template: data.Template, Title: data.Title, To: data.To, ToName: data.ToName, Note: data.Note, By: data.By, Uplink: data.Uplink, HQID: data.HQID,
		IssuedAt: e.RecordedTime, Limit: data.Limit, SignBy: data.SignBy, Next: earlier(data.Limit, data.SignBy), Order: newOrder(e, data.Order),
		Steps: data.Steps, Done: data.Done, Wanted: data.Wanted, Along: data.Along,
	}, e, TaskStep{By: data.By, State: Issued, Note: data.Note})
}

// taskChanged folds every other task.… event.
func (s *State) taskChanged(e *bridge.Event, data *TaskChanged) {
	old := s.k.Tasks[data.Task]
	if old == nil {
		return // it has left the state
	}
	task := *old
	task.State, task.Limit = data.State, data.Limit
	line := TaskStep{By: data.By, Reason: data.Reason, Note: data.Report, Pictures: data.Pictures, Ticked: data.Ticked}
	if task.State != old.State {
		line.State = task.State
	}
	switch e.Type {
	case TypeTaskAccepted:
		task.AcceptedAt, task.AcceptedBy = e.RecordedTime, data.By
	case TypeTaskArrived:
		task.ArrivedAt = e.RecordedTime
		task.tick(data, e.RecordedTime)
	case TypeTaskTicked:
		task.tick(data, e.RecordedTime)
	case TypeTaskReported:
		task.tick(data, e.RecordedTime)
		task.ReportedAt, task.Report, task.Pictures, task.ReportEvent = e.RecordedTime, data.Report, data.Pictures, e.ID
		task.JudgeBy, task.UnjudgedAt = data.JudgeBy, bridge.Stamp{}
	case TypeTaskReturned:
		task.Reason, task.Supervised, task.OverdueAt = data.Reason, 0, bridge.Stamp{}
	case TypeTaskHandedBack, TypeTaskCancelled:
		task.Reason = data.Reason
	case TypeTaskRepeated, TypeTaskWithdrawn:
		s.reordered(&task, data)
	case TypeTaskKept:
		task.Owner = data.Owner
	case TypeTaskTimed:
		task.JudgeBy = data.JudgeBy
	case TypeTaskOverdue:
		line.What, line.Note = data.What, task.overdue(data, e.RecordedTime)
	case TypeTaskSupervised:
		task.Supervised, task.Next = data.Step, data.Next
	}
	if task.State != Reported {
		task.JudgeBy, task.UnjudgedAt = bridge.Stamp{}, bridge.Stamp{}
	}
	task.Order = old.Order.after(e, data)
	switch {
	case !task.State.running():
		task.Next = bridge.Stamp{} // nobody but its issuer is waited for
	case e.Type == TypeTaskReturned:
		task.Next = data.Limit
	case (e.Type == TypeTaskKept || e.Type == TypeTaskRepeated || e.Type == TypeTaskAccepted) && task.OverdueAt.IsZero():
		task.Next = data.Limit // a limit that came, or came nearer
		if task.State == Issued && task.Supervised == 0 {
			task.Next = earlier(data.Limit, task.SignBy)
		}
	}
	if task.State.done() {
		task.EndedAt = e.RecordedTime
	}
	s.putTask(&task, e, line)
}

// tick notes the steps that were done.
func (task *Task) tick(data *TaskChanged, at bridge.Stamp) {
	if len(data.Ticked) == 0 {
		return
	}
	task.Steps = slices.Clone(task.Steps)
	for _, n := range data.Ticked {
		if n >= 1 && n <= len(task.Steps) && task.Steps[n-1].DoneAt.IsZero() {
			task.Steps[n-1].DoneAt, task.Steps[n-1].By = at, data.By
		}
	}
}

// reordered folds that headquarters gave an order again, or took one of
// several back.
func (s *State) reordered(task *Task, data *TaskChanged) {
	for _, id := range task.ids() {
		delete(s.ix.tasks.orders, HQKey(task.Uplink, id))
	}
	task.HQID, task.HQIDs = data.HQID, nil
	if len(data.HQIDs) > 1 {
		task.HQIDs = data.HQIDs
	}
}

// retireTasks lets tasks go that ended before the time, but for those of which
// a partner has not got all news.
func (s *State) retireTasks(before time.Time) {
	n := 0
	var stay []ending
	for ; n < len(s.ix.tasks.done) && s.ix.tasks.done[n].at.Before(before); n++ {
		id := s.ix.tasks.done[n].task
		task := s.k.Tasks[id]
		switch {
		case task == nil:
		case task.Order != nil && len(task.Order.Waiting) > 0:
			stay = append(stay, s.ix.tasks.done[n])
		default:
			s.k.Floor = max(s.k.Floor, task.Touched)
			for _, order := range task.ids() {
				delete(s.ix.tasks.orders, HQKey(task.Uplink, order))
			}
			delete(s.k.Tasks, id)
		}
	}
	if n > len(stay) {
		s.ix.tasks.done = append(stay, s.ix.tasks.done[n:]...)
	}
}
