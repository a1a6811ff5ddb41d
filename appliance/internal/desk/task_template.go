package desk

import (
	"fmt"
	"slices"
	"time"
)

// TaskKind is what sort of order a task is.
type TaskKind string

// Kinds of tasks.
const (
	PlainTask   TaskKind = "task"        // 任务单: to people of the station
	Push        TaskKind = "push"        // 推送单: up or sideways, found something and others are needed
	Supervision TaskKind = "supervision" // 督导单: to the lead, by itself, when something is overdue
	Instruction TaskKind = "instruction" // 指令: from above, signed for
	Visit       TaskKind = "visit"       // 回访: after an incident was closed
	PatrolTask  TaskKind = "patrol"      // 巡逻: from a hot cell of the review
	WorkOrder   TaskKind = "work_order"  // 工单: to a partner
)

// TaskKinds are all kinds.
func TaskKinds() []TaskKind {
	return []TaskKind{PlainTask, Push, Supervision, Instruction, Visit, PatrolTask, WorkOrder}
}

// Template is a standard piece of work (任务标准件).
type Template struct {
	ID, Name string
	Kind     TaskKind // task, push, visit, patrol
	Note     string
	Priority string        // "" is the incident's, or P2
	Limit    time.Duration // from issue to report; 0: none
	Steps    []TemplateStep
	Done     string   // what counts as done
	Pictures int      // that a report needs
	With     []string // of the incident: map, snapshot, clip
}

// TemplateStep is one step of the work; its limit counts from the issue, 0 is
// none of its own. DoneBy is the verb on the order that ticks it: arrive, or "".
type TemplateStep struct {
	Name   string
	Limit  time.Duration
	DoneBy string
}

// OverdueLimit is from how many overdue orders of one receiver within a time
// each is flagged.
type OverdueLimit struct {
	Count  int
	Within time.Duration
}

// DefaultOverdue is in force where the configuration says nothing.
func DefaultOverdue() OverdueLimit { return OverdueLimit{Count: 3, Within: 7 * 24 * time.Hour} }

// indexTemplates checks that templates are told apart.
func (r *Rules) indexTemplates() error {
	r.setup.Templates = slices.Clone(r.setup.Templates)
	if r.setup.Overdue == (OverdueLimit{}) {
		r.setup.Overdue = DefaultOverdue()
	}
	for i := range r.setup.Templates {
		t := &r.setup.Templates[i]
		if err := put(r.templates, "template", t.ID, t); err != nil {
			return err
		}
		if !slices.Contains([]TaskKind{PlainTask, Push, Visit, PatrolTask}, t.Kind) {
			return fmt.Errorf("template %s: kind %q: want task, push, visit or patrol", t.ID, t.Kind)
		}
		for _, s := range t.Steps {
			if s.DoneBy != "" && s.DoneBy != verbArrive {
				return fmt.Errorf("template %s: step %s: done by %q: want arrive, or nothing", t.ID, s.Name, s.DoneBy)
			}
		}
	}
	return nil
}

// Templates are the standard pieces of work, in the order of the configuration.
func (r *Rules) Templates() []Template { return r.setup.Templates }

// kindOf is what sort of order is issued.
func (r *Rules) kindOf(in TaskIn) TaskKind {
	switch template := r.templates[in.Template]; {
	case in.Kind != "":
		return in.Kind
	case in.HQID != "":
		return Instruction
	case r.Party(in.To).Kind == "partner":
		return WorkOrder
	case template != nil:
		return template.Kind
	}
	return PlainTask
}
