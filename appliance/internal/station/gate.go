package station

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/watchpost-edge/watchpost/appliance/internal/health"
	"github.com/watchpost-edge/watchpost/vision"
)

// gateCodes are the warnings about how much of a camera is decoded.
func gateCodes() []health.Code {
	return []health.Code{
		{ID: "gate_full", Title: "camera costs ten times as much as it could: all its pictures are decoded", Severity: health.Info, After: time.Minute},
		{ID: "gate_shed", Title: "camera is looked at every 2 s only: no processor time is left", Severity: health.Bad, After: 5 * time.Second},
	}
}

func gateFindings(camera string, st vision.Stats) []health.Finding {
	switch st.Gate.State {
	case vision.GateFull:
		return []health.Finding{{Code: "gate_full", Subject: camera, Text: st.Gate.Reason, Params: said("why", st.Gate.Reason)}}
	case vision.GateShed:
		return []health.Finding{{Code: "gate_shed", Subject: camera, Text: fmt.Sprintf("%d pictures were left out since the start; analyse fewer cameras, or give them sub streams", st.Gate.Shed), Params: said("n", st.Gate.Shed)}}
	}
	return nil
}

// gate is what is decoded of a camera, why, and what it costs.
func (c *collector) gate(g gatherer, camera string, st vision.Stats) {
	for _, state := range []vision.GateState{vision.GateLearning, vision.GateQuiet, vision.GateBusy, vision.GateFull, vision.GateShed} {
		in := 0.0
		if st.Gate.State == state {
			in = 1
		}
		g.add(prometheus.GaugeValue, "gate_state", "1 for the state that the camera's decode gate is in.", in, "camera", camera, "state", string(state))
	}
	for reason, n := range st.Gate.Opened {
		g.add(prometheus.CounterValue, "gate_opened_total", "Times that everything began to be decoded.", float64(n), "camera", camera, "reason", reason)
	}
	for outcome, n := range map[string]uint64{
		"held": st.Gate.Held, "caught_up": st.Gate.Caught, "shed": st.Gate.Shed, "needless": st.Gate.Skipped, "lone_key": st.Gate.Keys,
	} {
		g.add(prometheus.CounterValue, "gate_units_total", "Pictures by what the gate did: held (not decoded when they came), caught_up (of these, later), shed (no time), needless (nobody refers to them), lone_key.",
			float64(n), "camera", camera, "outcome", outcome)
	}
	g.add(prometheus.CounterValue, "gate_idle_total", "Openings by the compressed stream in which nothing moved.", float64(st.Gate.Idle), "camera", camera)
	g.add(prometheus.CounterValue, "gate_proofs_total", "Quiet stretches decoded in full, to see whether something was missed.", float64(st.Gate.Proofs), "camera", camera)
	g.add(prometheus.CounterValue, "gate_misses_total", "Of these, with motion in them.", float64(st.Gate.Misses), "camera", camera)
	g.add(prometheus.GaugeValue, "gate_alarm", "How far sizes of pictures must stand out; lower after a miss.", st.Gate.Alarm, "camera", camera)
	for stage, d := range map[string]time.Duration{"decode": st.DecodeTime, "motion": st.MotionTime, "objects": st.DetectTime} {
		g.add(prometheus.CounterValue, "analysis_seconds_total", "Time spent on the camera, by stage.", d.Seconds(), "camera", camera, "stage", stage)
	}
}
