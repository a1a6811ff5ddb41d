package desk

import (
	"slices"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Types of the events about an order's way to its partner.
const (
	TypeTaskDelivered     = "watchpost.task.delivered"
	TypeTaskUndeliverable = "watchpost.task.undeliverable"
)

// TaskDelivered is the data of task.delivered and task.undeliverable: the
// partner's line has taken a message, or never will.
type TaskDelivered struct {
	Schema   int    `json:"schema"`
	Task     string `json:"task"`
	Incident string `json:"incident"`
	To       string `json:"to"`
	Message  string `json:"message"` // id of the event it tells of
	News     string `json:"news"`
	Reason   string `json:"reason,omitempty"`  // undeliverable: why
	Picture  string `json:"picture,omitempty"` // SHA-256 of one that went along
}

// newOrder is an order that was issued just now.
func newOrder(e *bridge.Event, fact *OrderFact) *Order {
	if fact == nil {
		return nil
	}
	order := &Order{OrderFact: *fact}
	order.tell(e, NewsIssued)
	return order
}

// after is the order after one more event of its task.
func (o *Order) after(e *bridge.Event, data *TaskChanged) *Order {
	if o == nil {
		return nil
	}
	next := *o
	next.Waiting = slices.Clone(o.Waiting)
	switch {
	case data.Reply != "":
		next.RepliedAt, next.Reply = e.RecordedTime, data.Reply
	case e.Type == TypeTaskReturned:
		// Only the newest counts: one that was not told yet is overtaken.
		next.Waiting = slices.DeleteFunc(next.Waiting, func(n OrderNews) bool { return n.News == NewsReturned })
		next.tell(e, NewsReturned)
	case e.Type == TypeTaskCancelled, e.Type == TypeTaskHandedBack:
		next.tell(e, NewsCancelled)
	case e.Type == TypeTaskConfirmed:
		next.tell(e, NewsConfirmed)
	}
	return &next
}

// tell puts a message in line for a partner that has one and takes the order.
func (o *Order) tell(e *bridge.Event, news string) {
	if o.Line != "" && o.SetAside == "" {
		o.Waiting = append(o.Waiting, OrderNews{Event: e.ID, News: news, At: e.RecordedTime})
	}
}

// taskDelivered folds task.delivered and task.undeliverable. What a partner's
// line does not take ends the order's way: it would not take more of it.
func (s *State) taskDelivered(e *bridge.Event, data *TaskDelivered) {
	old := s.k.Tasks[data.Task]
	if old == nil || old.Order == nil {
		return // it has left the state
	}
	task, order := *old, *old.Order
	order.Waiting = slices.DeleteFunc(slices.Clone(order.Waiting), func(n OrderNews) bool { return n.Event == data.Message })
	switch {
	case e.Type == TypeTaskUndeliverable:
		order.Waiting, order.SetAside = nil, data.Reason
	case data.News == NewsIssued:
		order.DeliveredAt = e.RecordedTime
	}
	task.Order = &order
	s.putTask(&task, e, TaskStep{By: data.To, Reason: data.Reason, Note: data.News})
}

// addWaiting indexes whether a partner has still to get something of the task.
func (ix *index) addWaiting(task *Task) {
	if task.Order == nil {
		return
	}
	waiting := ix.tasks.waiting[task.To]
	switch {
	case len(task.Order.Waiting) == 0:
		delete(waiting, task.ID)
	case waiting == nil:
		ix.tasks.waiting[task.To] = map[string]struct{}{task.ID: {}}
	default:
		waiting[task.ID] = struct{}{}
	}
}
