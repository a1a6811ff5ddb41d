package config

import "time"

// Handover is how a shift goes to the next one.
type Handover struct {
	TakeWithin Duration `yaml:"take_within"` // what nobody took by then is told to the lead
}

func (h *Handover) validate(ps *Problems) {
	if d := time.Duration(h.TakeWithin); d < time.Minute || d > 12*time.Hour {
		ps.add("handover.take_within", "%s; write 1m to 12h", d)
	}
}
