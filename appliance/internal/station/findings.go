package station

import (
	"fmt"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/health"
	"github.com/watchpost-edge/watchpost/bridge"
)

// codes are the warnings that this box can show.
func codes() []health.Code {
	return []health.Code{
		{ID: "journal_damaged", Title: "a damaged journal was set aside: the room may lack what came last", Severity: health.Critical},
		{ID: "journal_full", Title: "the disk is full: alarms are refused", Severity: health.Critical},
		{ID: "journal_reserve", Title: "the disk is nearly full: only alarms are recorded", Severity: health.Critical},
		{ID: "journal_reserve_small", Title: "less disk is held back for alarms than wanted", Severity: health.Info},
		{ID: "camera_lost", Title: "camera gives no picture", Severity: health.Bad, After: 3 * time.Second},
		{ID: "camera_refused", Title: "camera refuses the password: asked once a minute, or its account locks", Severity: health.Bad},
		{ID: "camera_sub_lost", Title: "camera's sub stream gives no picture: its main stream is analysed instead", Severity: health.Info, After: 10 * time.Second},
		{ID: "camera_silent", Title: "camera gives no sound though it is recorded", Severity: health.Info, After: 10 * time.Second},
		{ID: "recording_stopped", Title: "nothing is recorded: the disk takes no more", Severity: health.Critical},
		{ID: "recording_failed", Title: "camera is not recorded", Severity: health.Critical},
		{ID: "restart_needed", Title: "a change of the configuration waits for a restart", Severity: health.Info},
		{ID: "storage_short", Title: "files will not be kept as long as is wanted", Severity: health.Info},
		{ID: "analysis_behind", Title: "pictures are skipped by the analysis", Severity: health.Bad, After: 10 * time.Second},
		{ID: "rule_blind", Title: "a rule cannot be met in full", Severity: health.Info},
		{ID: "detector_reduced", Title: "a weaker object detector is in use", Severity: health.Info},
		{ID: "detector_missing", Title: "no object detector", Severity: health.Bad},
		{ID: "pillar_never_heard", Title: "pillar was never heard", Severity: health.Info, After: 30 * time.Second},
		{ID: "pillar_odd_press", Title: "a press came twice with other content", Severity: health.Bad},
		{ID: "pillar_twice", Title: "two devices use one pillar's id", Severity: health.Bad},
		{ID: "pillar_refused", Title: "a device was refused by the broker", Severity: health.Bad},
		{ID: "phone_refused", Title: "a person's phone was refused by the broker", Severity: health.Bad},
		{ID: "phone_flooding", Title: "a person's phone sends more positions than are taken", Severity: health.Bad},
		{ID: "drone_silent", Title: "drone is silent", Severity: health.Bad},
		{ID: "uplink_down", Title: "no line to headquarters", Severity: health.Bad, After: 5 * time.Second},
		{ID: "uplink_unheard", Title: "headquarters does not listen", Severity: health.Bad, After: 5 * time.Second},
		{ID: "uplink_overdue", Title: "headquarters has not confirmed alarms in time", Severity: health.Bad},
		{ID: "uplink_suspended", Title: "headquarters is too far behind: its oldest events may go", Severity: health.Bad},
		{ID: "uplink_set_aside", Title: "headquarters refused events", Severity: health.Bad},
		{ID: "upload_failing", Title: "clips cannot be sent", Severity: health.Bad, After: 10 * time.Second},
		{ID: "upload_refused", Title: "a clip cannot be sent", Severity: health.Bad},
		{ID: "certificate_old", Title: "a certificate ends, or a new one was not taken", Severity: health.Bad},
		{ID: "sighting_lost", Title: "sightings could not be recorded", Severity: health.Critical},
	}
}

// said are a finding's parameters, by pairs of name and value.
func said(pairs ...any) map[string]string {
	params := make(map[string]string, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		params[fmt.Sprint(pairs[i])] = fmt.Sprint(pairs[i+1])
	}
	return params
}

// refusedShown is how long a refusal at the broker stays a warning.
const refusedShown = 10 * time.Minute

func (s *Station) cameraFindings() []health.Finding {
	var list []health.Finding
	for _, cfg := range s.cfg.Cameras {
		c := s.cameras[cfg.ID]
		state := c.state()
		if !state.Live && !state.Since.IsZero() {
			list = append(list, health.Finding{Code: "camera_lost", Subject: cfg.ID, Text: state.Why, Params: said("why", state.Why)})
		}
		list = append(list, c.streamFindings()...)
		list = append(list, c.faultFindings()...)
		list = append(list, c.maskFindings()...)
		c.mu.Lock()
		recorder := c.recorder
		c.mu.Unlock()
		if recorder != nil {
			list = append(list, health.Finding{Code: "recording_failed", Subject: cfg.ID, Text: recorder.Error(), Params: said("why", recorder.Error())})
		}
		if c.analyzer == nil {
			continue
		}
		st := c.analyzer.Stats()
		list = append(list, gateFindings(cfg.ID, st)...)
		for _, w := range st.Warnings {
			list = append(list, health.Finding{Code: "rule_blind", Subject: cfg.ID, Text: w, Params: said("why", w)})
		}
		if c.behind.grew(st.Skipped+st.Dropped, st.Analysed) {
			list = append(list, health.Finding{Code: "analysis_behind", Subject: cfg.ID, Text: "more than a fifth of the pictures due are skipped: lower analyze.fps or analyse fewer cameras"})
		}
	}
	return list
}

// lagging tells whether a share of work is skipped now, from two counters.
type lagging struct {
	at            time.Time
	skipped, done uint64
	behind        bool
}

func (l *lagging) grew(skipped, done uint64) bool {
	if now := time.Now(); now.Sub(l.at) >= 2*time.Second {
		dSkipped, dDone := skipped-l.skipped, done-l.done
		l.behind = !l.at.IsZero() && dSkipped*5 > dSkipped+dDone
		l.at, l.skipped, l.done = now, skipped, done
	}
	return l.behind
}

func (s *Station) detectorFindings() []health.Finding {
	switch d := s.leaves.Detector; {
	case s.leaves.Objects == nil:
		return []health.Finding{{Code: "detector_missing", Text: d.Why, Params: said("why", d.Why)}}
	case d.Why != "":
		return []health.Finding{{Code: "detector_reduced", Subject: d.Backend, Text: d.Why, Params: said("why", d.Why)}}
	}
	return nil
}

func (s *Station) pillarFindings() []health.Finding {
	var list []health.Finding
	s.pillars.mu.Lock()
	for id, why := range s.pillars.odd {
		list = append(list, health.Finding{Code: "pillar_odd_press", Subject: id, Text: why, Params: said("why", why)})
	}
	s.pillars.mu.Unlock()
	for _, p := range s.cfg.Pillars {
		if _, heard := s.pillars.adapter.Heard(p.ID); !heard {
			list = append(list, health.Finding{Code: "pillar_never_heard", Subject: p.ID, Text: "since the box started; check its power, network and password"})
		}
	}
	list = append(list, s.pillars.twinFindings()...)
	seen := map[string]bool{}
	for _, r := range s.pillars.refusals() {
		if time.Since(r.Last) < refusedShown && !seen[r.User] {
			seen[r.User] = true
			code := "pillar_refused"
			if s.phones.known(r.User) {
				code = "phone_refused"
			}
			list = append(list, health.Finding{Code: code, Subject: r.User, Text: r.Why, Params: said("why", r.Why)})
		}
	}
	return list
}

func (s *Station) droneFindings() []health.Finding {
	var list []health.Finding
	for _, d := range s.drones {
		d.mu.Lock()
		seen := d.seen
		d.mu.Unlock()
		if !seen.IsZero() && time.Since(seen) >= silentAfter {
			list = append(list, health.Finding{Code: "drone_silent", Subject: d.cfg.ID, Text: "last heard at " + seen.In(s.cfg.Location()).Format(time.TimeOnly), Params: said("at", bridge.At(seen))})
		}
	}
	return list
}

func (s *Station) uplinkFindings() []health.Finding {
	var list []health.Finding
	for _, st := range s.forwarder.Status() {
		waiting := uint64(0)
		for _, n := range st.Lag {
			waiting += n
		}
		switch {
		case !st.Connected:
			list = append(list, health.Finding{Code: "uplink_down", Subject: st.Name, Text: fmt.Sprintf("%d events wait here and are not lost; %s", waiting, st.LastError), Params: said("n", waiting, "why", st.LastError)})
		case !st.Listening:
			list = append(list, health.Finding{Code: "uplink_unheard", Subject: st.Name, Text: fmt.Sprintf("the broker is there, its subscriber is not; %d events wait here and are not lost", waiting), Params: said("n", waiting)})
		}
		if late := s.receipts.lateOf(st.Name); late.count > 0 {
			list = append(list, health.Finding{Code: "uplink_overdue", Subject: st.Name, Text: fmt.Sprintf(
				"%d alarms, the oldest for %s; telephone if a life is in danger", late.count, time.Since(late.oldest.Time).Round(time.Second)), Params: said("n", late.count, "at", late.oldest)})
		}
		if s.receipts.isSuspended(st.Name) {
			list = append(list, health.Finding{Code: "uplink_suspended", Subject: st.Name, Text: "it is beyond its max_backlog: the journal may retire what it lacks, and says so in its lane"})
		}
		if n := s.receipts.asideCount(st.Name); n > 0 {
			list = append(list, health.Finding{Code: "uplink_set_aside", Subject: st.Name, Text: fmt.Sprintf("%d events; a lead can send each again", n), Params: said("n", n)})
		}
	}
	if n := s.counts.sightingsLost.Load(); n > 0 {
		list = append(list, health.Finding{Code: "sighting_lost", Text: fmt.Sprintf("%d since the start; the log says why", n), Params: said("n", n)})
	}
	if s.uploader == nil {
		return list
	}
	s.uploader.mu.Lock()
	defer s.uploader.mu.Unlock()
	if s.uploader.failing != nil {
		list = append(list, health.Finding{Code: "upload_failing", Text: "they stay here and are sent later; " + s.uploader.failing.Error(), Params: said("why", s.uploader.failing.Error())})
	}
	for clip, why := range s.uploader.refused {
		list = append(list, health.Finding{Code: "upload_refused", Subject: clip, Text: why, Params: said("why", why)})
	}
	return list
}
