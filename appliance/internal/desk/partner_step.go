package desk

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// RouteIn gives an incident to those whom its kind concerns (分流): one work
// order to each of the kind's partners, all of them or none.
type RouteIn struct {
	Incident    string
	Kind        string // of the configuration
	Note        string // for the partners, ≤ 4 KiB; "" is the kind's name
	Close       bool   // the room has nothing more to do: it closes as transferred, the orders go on
	By          Actor
	Idempotency string
}

// DeliveredIn says that a partner's line has taken a message of an order, or
// (Refused) never will.
type DeliveredIn struct {
	Task    string
	Message string // id of the event that the message tells of
	News    string
	Refused string // why
	Picture string // SHA-256 (hex) of the picture that went along
}

// Results of a reply.
const (
	ReplyAccepted = "accepted"
	ReplyDone     = "done"
	ReplyRefused  = "refused"
)

// ReplyIn is what a partner says of its order, over its line or, written down
// by somebody of the room, over the telephone.
type ReplyIn struct {
	Partner  string
	Order    string // id of the task
	ID       string // the partner's own of this reply: the same comes once in effect; "" has none
	Result   string // accepted, done, refused
	Report   string // done: what was done, ≤ 4 KiB
	Pictures []string
	Reason   string // refused: why
	By       Actor  // role partner: the partner itself; else who wrote it down
	// Idempotency is the key of the call that brought it.
	Idempotency string
}

func (in RouteIn) decide(t *step, hit *bridge.Record) error {
	trim(&in.Note)
	return t.route(in, hit)
}
func (in DeliveredIn) decide(t *step, hit *bridge.Record) error { return t.delivered(in, hit) }
func (in ReplyIn) decide(t *step, hit *bridge.Record) error {
	trim(&in.Reason, &in.Report)
	return t.reply(in, hit)
}

func (in RouteIn) keys() []string     { return idemKeys(in.By, in.Idempotency) }
func (in DeliveredIn) keys() []string { return []string{in.key()} }

func (in DeliveredIn) key() string { return "delivered/" + in.Message }

func (in ReplyIn) keys() []string {
	var keys []string
	if in.ID != "" {
		keys = append(keys, replyKey(in))
	}
	if in.Idempotency != "" {
		keys = append(keys, idemKey(in.By, in.Idempotency))
	}
	return keys
}

func replyKey(in ReplyIn) string { return "reply/" + in.Partner + "/" + in.ID }

// route writes the orders of one kind. An incident that nobody had answered is
// answered by that.
func (t *step) route(in RouteIn, hit *bridge.Record) error {
	t.answer.Incident = in.Incident
	if hit != nil {
		if issued, err := decode[TaskIssued](&hit.Event); err != nil || hit.Event.Type != TypeTaskIssued || issued != nil && !issued.routed(in) {
			return usedKey(in.Idempotency)
		}
		t.answer.Duplicate = true
		return nil
	}
	inc, ref, err := t.checkRoute(in)
	if err != nil {
		return err
	}
	act, now := ActionIn{Incident: inc.ID, By: in.By}, *inc
	if now.State == Open {
		t.advance(&now, TypeIncidentAcknowledged, Acknowledged, act, "")
	}
	var issued []*Task
	for i, to := range ref.kind.Partners {
		data := TaskIssued{
			Schema: schema, Task: t.id(), Kind: WorkOrder, Incident: inc.ID, To: to, ToName: t.r.Party(to).Name, By: in.By.Name,
			Note:     cmp.Or(in.Note, ref.kind.Name),
			Priority: inc.Priority, Limit: bridge.At(t.now.Add(ref.kind.Limit)), Config: t.r.setup.Config, Order: t.orderFor(to, inc, in.Kind),
		}
		draft := bridge.Draft{Type: TypeTaskIssued, Subject: "tasks/" + data.Task, Lane: bridge.Alarm, Severity: inc.Priority, Drill: inc.Drill}
		if i == 0 {
			t.answer.Task = data.Task
			draft.Key = idemKey(in.By, in.Idempotency)
		}
		t.add(draft, data)
		issued = append(issued, &Task{
			ID: data.Task, Kind: WorkOrder, State: Issued, Priority: inc.Priority, Drill: inc.Drill, Incident: inc.ID, To: to, By: in.By.Name, Limit: data.Limit,
		})
	}
	if now.State == Acknowledged {
		t.advance(&now, TypeIncidentDispatched, Dispatched, act, t.answer.Task)
	}
	if !in.Close {
		return nil
	}
	return t.handOver(&now, act, ref.kind, issued)
}

// routed reports whether the order is one of those that were asked for.
func (data *TaskIssued) routed(in RouteIn) bool {
	return data.Incident == in.Incident && data.Order != nil && data.Order.RouteKind == in.Kind
}

// handOver closes an incident whose work is the partners' from now on: their
// orders go on, and have an owner; those of an exercise end with it.
func (t *step) handOver(inc *Incident, act ActionIn, kind *RouteKind, issued []*Task) error {
	becomes := "kept"
	act.Result, act.Reason = "transferred", kind.Name
	if inc.Drill {
		act.Result, becomes = "drill", "cancelled"
	}
	if err := t.close(inc, act); err != nil {
		return err
	}
	for _, task := range issued {
		t.leave(task, becomes, act)
	}
	return nil
}

func (t *step) checkRoute(in RouteIn) (*Incident, kindRef, error) {
	ref := t.r.kinds[in.Kind]
	inc := t.s.k.Incidents[in.Incident]
	switch {
	case !slices.Contains(room(), in.By.Role):
		return nil, ref, &ForbiddenError{"route", in.By.Role, room()}
	case in.By.Name == "":
		return nil, ref, &InvalidError{"by", "", "the name of who does it"}
	case inc == nil:
		return nil, ref, &NotFoundError{"incident", in.Incident}
	case ref.kind == nil:
		return nil, ref, &InvalidError{"kind", cut(in.Kind[:min(len(in.Kind), 80)]), "the id of a configured kind"}
	case inc.State == Closed:
		return nil, ref, &IllegalError{What: "incident", ID: inc.ID, Verb: "route", State: string(inc.State), Possible: inc.Possible(in.By.Role), Why: "reopen it first"}
	case in.Close && inc.Unanswered > 0:
		return nil, ref, &IllegalError{What: "incident", ID: inc.ID, Verb: "route", State: string(inc.State), Possible: inc.Possible(in.By.Role),
			Why: fmt.Sprintf("somebody pressed again at %s and nobody has answered: acknowledge it first", inc.PressedAt)}
	}
	if err := text("note", in.Note, noteBytesMax); err != nil {
		return nil, ref, err
	}
	if err := texts("idempotency_key", in.Idempotency); err != nil {
		return nil, ref, err
	}
	for _, to := range ref.kind.Partners {
		if err := t.checkPartner(inc, to, in.Kind); err != nil {
			return nil, ref, err
		}
	}
	return inc, ref, nil
}

// checkPartner: nobody gets the same twice, and nobody whom nothing reaches
// gets ever more.
func (t *step) checkPartner(inc *Incident, to, kind string) error {
	for _, task := range t.s.TasksOf(inc.ID) {
		if task.To == to && !task.State.done() && task.Order != nil && task.Order.RouteKind == kind {
			return &InvalidError{"kind", kind, fmt.Sprintf("a kind that is not on its way already: order %d to %s is open", task.Number, t.r.partners[to].Name)}
		}
	}
	p := t.r.partners[to]
	if n := len(t.s.ix.tasks.waiting[to]); p.Backlog > 0 && n >= p.Backlog {
		return &InvalidError{"kind", kind, fmt.Sprintf("a kind whose partners can be reached: %d orders wait for the line to %s", n, p.Name)}
	}
	return nil
}

// delivered writes what became of a message, once for the same message.
func (t *step) delivered(in DeliveredIn, hit *bridge.Record) error {
	task := t.s.k.Tasks[in.Task]
	if hit != nil || task == nil || task.Order == nil || !slices.ContainsFunc(task.Order.Waiting, func(n OrderNews) bool { return n.Event == in.Message }) {
		t.answer.Duplicate = true // told before, or overtaken since
		return nil
	}
	typ := TypeTaskDelivered
	if in.Refused != "" {
		typ = TypeTaskUndeliverable
	}
	t.answer.Task = task.ID
	t.tellDelivered(typ, task, in)
	return nil
}

func (t *step) tellDelivered(typ string, task *Task, in DeliveredIn) {
	t.add(bridge.Draft{
		Type: typ, Subject: "tasks/" + task.ID, Lane: bridge.Notice, Severity: task.Priority, Drill: task.Drill, Key: in.key(),
	}, TaskDelivered{
		Schema: schema, Task: task.ID, Incident: task.Incident, To: task.To, Message: in.Message, News: in.News, Reason: cut(in.Refused), Picture: in.Picture,
	})
}

// reply makes a partner's word what it means for its order.
func (t *step) reply(in ReplyIn, hit *bridge.Record) error {
	t.answer.Task = in.Order
	if hit != nil {
		if before, err := decode[TaskChanged](&hit.Event); err != nil || hit.Event.Subject != "tasks/"+in.Order || before != nil && before.Reply != in.Result {
			return &InvalidError{"id", cmp.Or(in.ID, in.Idempotency), "a new one: this was used for another reply, or for something else"}
		}
		t.answer.Duplicate = true
		return nil
	}
	task, err := t.checkReply(in)
	if err != nil {
		return err
	}
	by := in.By.Name
	if in.By.Role == "partner" {
		by = "partner/" + in.Partner
	}
	t.answer.Incident = task.Incident
	steps := replySteps(task.State, in.Result)
	if steps == nil {
		return &IllegalError{What: "task", ID: task.ID, Verb: in.Result, State: string(task.State), Possible: possibleReplies(task.State)}
	}
	for i, s := range steps {
		data := changed(task, by, s.to)
		data.Reply = in.Result
		switch s.event {
		case TypeTaskReported:
			data.Report, data.Pictures, data.Missing = in.Report, in.Pictures, task.missing(nil)
		case TypeTaskHandedBack:
			data.Reason = in.Reason
		}
		draft := bridge.Draft{Type: s.event, Subject: "tasks/" + task.ID, Lane: bridge.Alarm, Severity: task.Priority, Drill: task.Drill}
		switch { // with two events either key finds the reply again
		case i == len(steps)-1 && in.ID != "":
			draft.Key = replyKey(in)
		case i == 0 && in.Idempotency != "":
			draft.Key = idemKey(in.By, in.Idempotency)
		}
		t.addChange(draft, task, data)
	}
	t.answer.Duplicate = len(steps) == 0
	if in.Result == ReplyRefused {
		t.takeBack(task, by, in.Reason)
	}
	return nil
}

// takeBack reopens an incident that was closed because its work was somebody
// else's, when that is not so: it is the room's again, with a limit.
func (t *step) takeBack(task *Task, by, reason string) {
	inc := t.s.k.Incidents[task.Incident]
	if inc == nil || inc.State != Closed || inc.Result != "transferred" || t.now.Sub(inc.ClosedAt.Time) > incidentKept {
		return
	}
	t.change(TypeIncidentReopened, inc, ActionIn{Incident: inc.ID, By: Actor{Name: by}, Reason: reason}, Acknowledged, nil)
}

// replyStep is one event of what a reply does.
type replyStep struct {
	event string
	to    TaskState
}

// replySteps is the table state × result of an order to a partner: nothing at
// all (nil) is refused, no events mean that it is so already. A partner has
// nowhere to arrive, and what is done was taken on.
func replySteps(state TaskState, result string) []replyStep {
	accepted, reported := replyStep{TypeTaskAccepted, Accepted}, replyStep{TypeTaskReported, Reported}
	switch {
	case result == ReplyAccepted && state == Issued:
		return []replyStep{accepted}
	case result == ReplyAccepted && (state == Accepted || state == Arrived || state == Returned):
		return []replyStep{}
	case result == ReplyDone && state == Issued:
		return []replyStep{accepted, reported}
	case result == ReplyDone && (state == Accepted || state == Arrived || state == Returned):
		return []replyStep{reported}
	case result == ReplyRefused && state.running():
		return []replyStep{{TypeTaskHandedBack, HandedBack}}
	}
	return nil
}

// possibleReplies are the results that the state has.
func possibleReplies(state TaskState) []string {
	possible := []string{}
	for _, result := range []string{ReplyAccepted, ReplyDone, ReplyRefused} {
		if replySteps(state, result) != nil {
			possible = append(possible, result)
		}
	}
	return possible
}

func (t *step) checkReply(in ReplyIn) (*Task, error) {
	may := append(room(), "partner")
	if !slices.Contains(may, in.By.Role) {
		return nil, &ForbiddenError{"reply", in.By.Role, may}
	}
	if in.By.Name == "" {
		return nil, &InvalidError{"by", "", "the name of who says it"}
	}
	if err := texts("order", in.Order, "id", in.ID, "result", in.Result, "reason", in.Reason, "idempotency_key", in.Idempotency); err != nil {
		return nil, err
	}
	if err := oneOf("result", in.Result, ReplyAccepted, ReplyDone, ReplyRefused); err != nil {
		return nil, err
	}
	task := t.s.k.Tasks[in.Order]
	switch {
	case task == nil:
		return nil, &NotFoundError{"task", in.Order}
	case task.To != in.Partner || task.Order == nil:
		return nil, &ForbiddenError{"reply", "partner " + in.Partner, []string{"the partner whose order it is"}}
	case in.Result == ReplyDone && in.Report == "":
		return nil, &InvalidError{"report", "", "what was done"}
	case in.Result == ReplyRefused && in.Reason == "":
		return nil, &InvalidError{"reason", "", "why it is handed back"}
	}
	if err := text("report", in.Report, noteBytesMax); err != nil {
		return nil, err
	}
	return task, pictures(in.Pictures)
}

// pictures checks hashes of a report.
func pictures(hashes []string) error {
	if len(hashes) > picturesMax {
		return &InvalidError{"pictures", fmt.Sprint(len(hashes)), fmt.Sprintf("at most %d", picturesMax)}
	}
	for _, hash := range hashes {
		if b, err := hex.DecodeString(hash); err != nil || len(b) != 32 {
			return &InvalidError{"pictures", hash[:min(len(hash), 80)], "the SHA-256 of a picture, 64 hexadecimal digits"}
		}
	}
	return nil
}

// StaleNews says of a message that has waited for longer than age that it will
// not be delivered any more; "" while it may wait.
func StaleNews(news OrderNews, now time.Time, age time.Duration) string {
	if now.Sub(news.At.Time) <= age {
		return ""
	}
	return fmt.Sprintf("its line was not there since %s", news.At)
}
