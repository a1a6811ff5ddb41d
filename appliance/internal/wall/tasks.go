package wall

import (
	"fmt"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

type taskBody struct {
	Kind     desk.TaskKind `json:"kind"`
	Template string        `json:"template"`
	To       string        `json:"to"`
	Limit    string        `json:"limit"`
	Note     string        `json:"note"`
	Incident string        `json:"incident"`
	Priority string        `json:"priority"`
}

type taskActionBody struct {
	Reason   string   `json:"reason"`
	Report   string   `json:"report"`
	Pictures []string `json:"pictures"`
	Steps    []int    `json:"steps"`
	Limit    string   `json:"limit"`
}

type taskAnswer struct {
	AsOf string     `json:"as_of"`
	Task *desk.Task `json:"task"`
	// Possible are the verbs that the caller may use on it now.
	Possible   []string        `json:"possible"`
	Deliveries []EventDelivery `json:"deliveries"`
}

// mayRead reports whether the caller is shown the task: an officer's phone
// shows his own orders only.
func (s *Server) mayRead(who caller, task *desk.Task) bool {
	return who.role != access.Officer || s.o.Desk.Rules().Acts(who.actor(), task.To)
}

func taskKinds() []string {
	var names []string
	for _, kind := range desk.TaskKinds() {
		names = append(names, string(kind))
	}
	return names
}

func (s *Server) tasks(c *fiber.Ctx, who caller) error {
	states, err := oneOf(c, "state", string(desk.Issued), string(desk.Accepted), string(desk.Arrived), string(desk.Reported),
		string(desk.Returned), string(desk.Confirmed), string(desk.HandedBack), string(desk.Cancelled))
	if err != nil {
		return err
	}
	kinds, err := oneOf(c, "kind", taskKinds()...)
	if err != nil {
		return err
	}
	incident := c.Query("incident")
	items := []*desk.Task{}
	place, err := s.view(func(state *desk.State) {
		for _, one := range state.Tasks() {
			if s.mayRead(who, one) && (states == nil || states[string(one.State)]) && (kinds == nil || kinds[string(one.Kind)]) && (incident == "" || one.Incident == incident) {
				items = append(items, one)
			}
		}
	})
	if err != nil {
		return err
	}
	return sendPage(s, c, place, items, func(one *desk.Task) string { return one.ID })
}

func (s *Server) task(c *fiber.Ctx, who caller) error {
	return s.sendTask(c, who, http.StatusOK, c.Params("id"))
}

func (s *Server) sendTask(c *fiber.Ctx, who caller, status int, id string) error {
	var task *desk.Task
	place, err := s.view(func(state *desk.State) { task = state.Task(id) })
	if err != nil {
		return err
	}
	if task == nil || !s.mayRead(who, task) {
		return missing("task_unknown", "task", id)
	}
	ways, err := s.o.Receipts.OfTask(task)
	if err != nil {
		return fmt.Errorf("read deliveries of task %s: %w", id, err)
	}
	return s.answer(c, status, place, taskAnswer{AsOf: s.asOf(place), Task: task, Possible: s.o.Desk.Rules().Possible(task, who.actor()), Deliveries: full(ways)})
}

// issue makes a task.
func (s *Server) issue(c *fiber.Ctx, who caller) error {
	var in taskBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	key, err := idempotency(c)
	if err != nil {
		return err
	}
	limit, err := parseTime("limit", in.Limit, time.Time{})
	if err != nil {
		return err
	}
	result, err := s.handle(desk.TaskIn{
		Kind: in.Kind, Template: in.Template, To: in.To, Limit: limit, Note: in.Note, Incident: in.Incident, Priority: in.Priority,
		By: who.actor(), Idempotency: key,
	})
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderLocation, "/api/v1/tasks/"+result.Task)
	return s.sendTask(c, who, http.StatusCreated, result.Task)
}

// taskReport is the verb that pictures go with.
const taskReport = "report"

// taskAct is one verb on a task.
func (s *Server) taskAct(verb string) handler {
	return func(c *fiber.Ctx, who caller) error {
		in, key, err := asked[taskActionBody](c)
		if err != nil {
			return err
		}
		limit, err := parseTime("limit", in.Limit, time.Time{})
		if err != nil {
			return err
		}
		id := c.Params("id")
		if verb != taskReport && len(in.Pictures) > 0 {
			return badField(http.StatusUnprocessableEntity, "field_invalid", "pictures", in.Pictures[0], "none: they go with "+taskReport)
		}
		if err := s.mayName(who, in.Pictures); err != nil {
			return err
		}
		if _, err := s.handle(desk.TaskActionIn{
			Task: id, Verb: verb, By: who.actor(), Reason: in.Reason, Report: in.Report, Pictures: in.Pictures, Steps: in.Steps, Limit: limit, Idempotency: key,
		}); err != nil {
			return err
		}
		s.keepNamed(in.Pictures)
		return s.sendTask(c, who, http.StatusOK, id)
	}
}
