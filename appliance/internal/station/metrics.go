package station

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
)

// collector turns the parts' own counters into metrics when they are asked for.
type collector struct{ s *Station }

type gatherer struct {
	out chan<- prometheus.Metric
}

func (g gatherer) add(kind prometheus.ValueType, name, help string, value float64, labels ...string) {
	var names, values []string
	for i := 0; i+1 < len(labels); i += 2 {
		names, values = append(names, labels[i]), append(values, labels[i+1])
	}
	g.out <- prometheus.MustNewConstMetric(prometheus.NewDesc("watchpost_"+name, help, names, nil), kind, value, values...)
}

// Describe implements prometheus.Collector: the set of metrics follows the
// configuration, so it is unchecked.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	g := gatherer{out}
	c.cameras(g)
	c.uplinks(g)
	c.devices(g)
	c.files(g)
	g.add(prometheus.GaugeValue, "journal_place", "Newest synced place of the journal.", float64(c.s.journal.Last()))
	g.add(prometheus.CounterValue, "sightings_lost_total", "Sightings that the journal did not take.", float64(c.s.counts.sightingsLost.Load()))
	g.add(prometheus.CounterValue, "clips_empty_total", "Wanted parts of clips of which nothing was held.", float64(c.s.counts.clipsEmpty.Load()))
	g.add(prometheus.CounterValue, "pictures_gone_total", "Pictures of people deleted because no report named them.", float64(c.s.counts.picturesGone.Load()))
	g.add(prometheus.GaugeValue, "pictures_waiting", "Pictures of people that no report names yet.", float64(c.s.store.PicturesWaiting()))
	g.add(prometheus.CounterValue, "evictions_untold_total", "Evictions that did not become events.", float64(c.s.counts.evictionsUntold.Load()))
	g.add(prometheus.CounterValue, "given_up_total", "Things to do that could never succeed; the log names each.", float64(c.s.counts.givenUp.Load()))
	g.add(prometheus.CounterValue, "words_deferred_total", "Words of headquarters on single events that waited for space on the disk.", float64(c.s.deferred.late.Load()))
	g.add(prometheus.CounterValue, "words_lost_total", "Of these, those that were never recorded.", float64(c.s.deferred.lost.Load()))
	g.add(prometheus.CounterValue, "down_refused_total", "Messages of headquarters that were refused.", float64(c.s.counts.downRefused.Load()))
}

func (c *collector) cameras(g gatherer) {
	recorded := c.s.store.Stats().Recorded
	for id, cam := range c.s.cameras {
		st, state := cam.source.Stats(), cam.state()
		for kind, sum := range c.s.blindness.seconds(id) {
			g.add(prometheus.CounterValue, "camera_blind_seconds_total", "How long the camera was blind since the box started.", sum, "camera", id, "kind", kind)
		}
		g.add(prometheus.CounterValue, "camera_recorded_seconds_total", "How much was recorded since the box started.", recorded[id].Seconds(), "camera", id)
		live := 0.0
		if state.Live {
			live = 1
		}
		g.add(prometheus.GaugeValue, "camera_live", "1 while pictures come.", live, "camera", id)
		g.add(prometheus.GaugeValue, "camera_picture_age_seconds", "Age of the newest picture; -0.001: none yet.", float64(state.AgeMS)/1000, "camera", id)
		g.add(prometheus.CounterValue, "camera_units_total", "Access units received.", float64(st.Units), "camera", id)
		g.add(prometheus.CounterValue, "camera_bytes_total", "Bytes of access units received.", float64(st.Bytes), "camera", id)
		g.add(prometheus.CounterValue, "camera_packets_lost_total", "RTP packets that did not arrive.", float64(st.PacketsLost), "camera", id)
		g.add(prometheus.CounterValue, "camera_sessions_total", "Sessions that became live.", float64(st.Sessions), "camera", id)
		g.add(prometheus.GaugeValue, "camera_clock_offset_seconds", "How far the camera's clock is ahead of the box's.", -st.Clock.Offset.Seconds(), "camera", id)
		g.add(prometheus.GaugeValue, "camera_clock_drift_ppm", "How much faster the camera's clock runs than the box's, in millionths; 0 until it was watched for a minute.", st.Clock.DriftPPM, "camera", id)
		g.add(prometheus.CounterValue, "camera_clock_steps_total", "Times the camera's clock was set.", float64(st.Clock.Steps), "camera", id)
		g.add(prometheus.CounterValue, "camera_reports_refused_total", "Sender reports with a time that cannot be.", float64(st.Clock.Refused), "camera", id)
		g.add(prometheus.CounterValue, "camera_sound_units_total", "Stretches of sound received.", float64(st.SoundUnits), "camera", id)
		if cam.sound != nil {
			g.add(prometheus.CounterValue, "camera_masked_sound_lost_total", "Stretches of sound that waited too long for their masked picture.", float64(cam.sound.missed()), "camera", id)
		}
		if cam.analyzer == nil {
			continue
		}
		a := cam.analyzer.Stats()
		c.gate(g, id, a)
		g.add(prometheus.CounterValue, "analysis_decoded_total", "Pictures decoded.", float64(a.Decoded), "camera", id)
		g.add(prometheus.CounterValue, "analysis_analysed_total", "Pictures compared for motion.", float64(a.Analysed), "camera", id)
		g.add(prometheus.CounterValue, "analysis_detected_total", "Pictures the object detector saw.", float64(a.Detected), "camera", id)
		g.add(prometheus.CounterValue, "analysis_skipped_total", "Pictures due but left out.", float64(a.Skipped), "camera", id)
		g.add(prometheus.CounterValue, "analysis_dropped_total", "Units lost because analysis was behind.", float64(a.Dropped), "camera", id)
		g.add(prometheus.CounterValue, "analysis_errors_total", "Pictures that could not be decoded or looked at.", float64(a.DecodeErrors+a.DetectErrors), "camera", id)
		g.add(prometheus.CounterValue, "sightings_total", "Sightings raised.", float64(a.Raised), "camera", id)
		g.add(prometheus.GaugeValue, "detector_milliseconds", "Smoothed time of one look.", a.DetectorMS, "camera", id)
	}
}

func (c *collector) uplinks(g gatherer) {
	for _, st := range c.s.forwarder.Status() {
		connected := 0.0
		if st.Connected {
			connected = 1
		}
		g.add(prometheus.GaugeValue, "uplink_connected", "1 while the line stands.", connected, "uplink", st.Name)
		for lane, n := range st.Lag {
			g.add(prometheus.GaugeValue, "uplink_lag_events", "Events that are not confirmed.", float64(n), "uplink", st.Name, "lane", string(lane))
		}
		suspended := 0.0
		if c.s.receipts.isSuspended(st.Name) {
			suspended = 1
		}
		g.add(prometheus.GaugeValue, "uplink_suspended", "1 while it is beyond its max_backlog.", suspended, "uplink", st.Name)
		g.add(prometheus.GaugeValue, "uplink_overdue_alarms", "Alarms without a receipt beyond receipt_within.", float64(c.s.receipts.lateOf(st.Name).count), "uplink", st.Name)
		age := 0.0
		if !st.OldestUnreceived.IsZero() {
			age = time.Since(st.OldestUnreceived.Time).Seconds()
		}
		g.add(prometheus.GaugeValue, "uplink_oldest_unreceived_seconds", "Age of the oldest alarm that is not confirmed; 0: none.", age, "uplink", st.Name)
		g.add(prometheus.CounterValue, "uplink_sent_total", "Events sent in lanes, repeated ones too.", float64(st.Sent), "uplink", st.Name)
		g.add(prometheus.CounterValue, "uplink_set_aside_total", "Events that headquarters refused.", float64(st.SetAside), "uplink", st.Name)
	}
}

func (c *collector) devices(g gatherer) {
	p := c.s.pillars.adapter.Stats()
	for result, n := range map[string]uint64{"stored": p.Stored, "duplicate": p.Duplicate, "rejected": p.Rejected, "failed": p.Failed} {
		g.add(prometheus.CounterValue, "presses_total", "Presses by answer; failed ones come again.", float64(n), "result", result)
	}
	g.add(prometheus.CounterValue, "pillar_messages_malformed_total", "Presses and statuses of pillars that could not be read.", float64(p.Malformed))
	c.drones(g)
	c.s.phones.collect(g)
	c.s.collectPartners(g)
	c.s.pillars.collect(g)
}

func (c *collector) files(g gatherer) {
	st := c.s.store.Stats()
	for class, bytes := range st.Bytes {
		g.add(prometheus.GaugeValue, "files_bytes", "Bytes kept.", float64(bytes), "class", string(class))
	}
	for class, b := range map[media.Class]config.Retention{
		media.Recordings: c.s.cfg.Data.Recordings, media.Clips: c.s.cfg.Data.Clips, media.Snapshots: c.s.cfg.Data.Snapshots, media.Telemetry: c.s.cfg.Data.Telemetry,
		media.Positions: c.s.cfg.Data.Positions, media.Pictures: c.s.cfg.Data.Pictures,
	} {
		g.add(prometheus.GaugeValue, "files_budget_bytes", "Bytes that may be kept.", float64(b.Budget), "class", string(class))
	}
	g.add(prometheus.GaugeValue, "disk_free_bytes", "Free on the disk of the recordings.", float64(st.Free))
	for _, f := range c.s.store.Forecasts(time.Now()) {
		g.add(prometheus.GaugeValue, "files_keep_seconds", "How long files will be kept, as they grow now.", f.Keeps.Seconds(), "class", string(f.Class))
		g.add(prometheus.GaugeValue, "files_growth_bytes_per_day", "How fast files grow.", float64(f.BytesPerDay), "class", string(f.Class))
	}
	for class, n := range st.Evicted {
		g.add(prometheus.CounterValue, "files_evicted_total", "Files deleted by budget, age or space.", float64(n), "class", string(class))
	}
	for id, stats := range c.s.cutter.Stats().Cameras {
		held := stats.Held
		g.add(prometheus.GaugeValue, "preroll_seconds", "How far back the camera is held.", held.To.Sub(held.From).Seconds(), "camera", id)
		g.add(prometheus.GaugeValue, "preroll_bytes", "Memory of the pre-roll.", float64(held.Bytes), "camera", id)
	}
}
