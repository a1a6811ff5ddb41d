package config

import (
	"fmt"
	"slices"
	"time"
)

// Template is a standard piece of work (任务标准件): what an order made from it
// says, how long it has, and what counts as done.
type Template struct {
	ID       string         `yaml:"id"`
	Name     string         `yaml:"name"`
	Kind     string         `yaml:"kind"`
	Note     string         `yaml:"note"`     // what is to be done
	Priority string         `yaml:"priority"` // empty: the incident's, or P2
	Limit    Duration       `yaml:"limit"`    // from issue to report; 0: none
	Steps    []TemplateStep `yaml:"steps"`    // ticked one by one
	Done     string         `yaml:"done"`     // what counts as done
	Pictures int            `yaml:"pictures"` // how many a report needs
	With     []string       `yaml:"with"`     // what goes along of the incident
}

// TemplateStep is one step of the work; its limit counts from the issue.
type TemplateStep struct {
	Name   string   `yaml:"name"`
	Limit  Duration `yaml:"limit"`   // 0: none of its own
	DoneBy string   `yaml:"done_by"` // what ticks it by itself: arrive, the word that somebody is there; empty: nothing
}

// Bounds of templates: each is written whole into the event of its order.
const (
	templatesMax = 500
	stepsMax     = 16
	taskLimitMax = 366 * 24 * time.Hour
)

func (t *Template) setDefaults() { t.Kind = "task" }

func (c *Config) validateTemplates(ps *Problems) {
	if n := len(c.Templates); n > templatesMax {
		ps.add("templates", "has %d; write at most %d", n, templatesMax)
	}
	ids := map[string]bool{}
	for i := range c.Templates {
		key := fmt.Sprintf("templates[%d]", i)
		validateID(key+".id", c.Templates[i].ID, ids, ps)
		c.Templates[i].validate(key, ps)
	}
}

func (t *Template) validate(key string, ps *Problems) {
	oneOf(key+".kind", t.Kind, []string{"task", "push", "visit", "patrol"}, ps)
	if t.Priority != "" {
		oneOf(key+".priority", t.Priority, []string{"P0", "P1", "P2", "P3"}, ps)
	}
	if t.Name == "" || len(t.Name) > 128 {
		ps.add(key+".name", "%q; write 1 to 128 bytes, the word on the button", t.Name)
	}
	for name, text := range map[string]string{"note": t.Note, "done": t.Done} {
		if len(text) > 2048 {
			ps.add(key+"."+name, "has %d bytes; write at most 2048", len(text))
		}
	}
	limitWithin(key+".limit", t.Limit, taskLimitMax, ps)
	if n := len(t.Steps); n > stepsMax {
		ps.add(key+".steps", "has %d; write at most %d", n, stepsMax)
	}
	for i, s := range t.Steps {
		at := fmt.Sprintf("%s.steps[%d]", key, i)
		if s.Name == "" || len(s.Name) > 128 {
			ps.add(at+".name", "%q; write 1 to 128 bytes", s.Name)
		}
		if s.DoneBy != "" {
			oneOf(at+".done_by", s.DoneBy, []string{"arrive"}, ps)
		}
		most := taskLimitMax
		if t.Limit > 0 {
			most = time.Duration(t.Limit)
		}
		limitWithin(at+".limit", s.Limit, most, ps)
	}
	between(key+".pictures", float64(t.Pictures), 0, 16, ps)
	for i, w := range t.With {
		at := fmt.Sprintf("%s.with[%d]", key, i)
		oneOf(at, w, []string{"map", "snapshot", "clip"}, ps)
		if slices.Contains(t.With[:i], w) {
			ps.add(at, "%q stands twice; keep one", w)
		}
	}
}

func limitWithin(key string, d Duration, most time.Duration, ps *Problems) {
	if d < 0 || time.Duration(d) > most {
		ps.add(key, "%s; write 0 (none) to %s", time.Duration(d), most)
	}
}
