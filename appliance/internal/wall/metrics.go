package wall

import (
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/watchpost-edge/watchpost/appliance/internal/wall/whep"
)

type metrics struct {
	requests *prometheus.CounterVec
	seconds  prometheus.Histogram
	streams  prometheus.Gauge
	cut      prometheus.Counter
	refused  *prometheus.CounterVec
	pictures *prometheus.CounterVec
}

func newMetrics(registry *prometheus.Registry, live *whep.Server) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "watchpost_http_requests_total", Help: "Answers by method, route and status."}, []string{"method", "route", "status"}),
		seconds:  prometheus.NewHistogram(prometheus.HistogramOpts{Name: "watchpost_http_request_seconds", Help: "Time until the answer began.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 8)}),
		streams:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "watchpost_event_streams", Help: "Open event streams."}),
		cut:      prometheus.NewCounter(prometheus.CounterOpts{Name: "watchpost_http_clients_cut_total", Help: "Connections closed because the client did not read."}),
		refused:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "watchpost_http_refused_total", Help: "Requests refused, by problem code."}, []string{"code"}),
		pictures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "watchpost_pictures_total", Help: "Pictures that people brought: taken, refused, full (too many of theirs wait for a report)."}, []string{"result"}),
	}
	collectors := []prometheus.Collector{m.requests, m.seconds, m.streams, m.cut, m.refused, m.pictures}
	for name, one := range map[string]struct {
		help  string
		value func(whep.Stats) uint64
	}{
		"watchpost_live_sessions":            {"Open live pictures.", func(s whep.Stats) uint64 { return s.Sessions }},
		"watchpost_live_packets_total":       {"RTP packets sent.", func(s whep.Stats) uint64 { return s.Packets }},
		"watchpost_live_bytes_total":         {"RTP payload sent, in bytes.", func(s whep.Stats) uint64 { return s.Bytes }},
		"watchpost_live_units_dropped_total": {"Pictures not sent because the viewer was too slow.", func(s whep.Stats) uint64 { return s.DroppedUnits }},
		"watchpost_live_pli_total":           {"Key pictures asked for by viewers; the camera is not asked.", func(s whep.Stats) uint64 { return s.PLI }},
		"watchpost_live_nack_total":          {"Reports of lost packets by viewers.", func(s whep.Stats) uint64 { return s.NACK }},
	} {
		collectors = append(collectors, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: one.help}, func() float64 { return float64(one.value(live.Stats())) }))
	}
	for _, c := range collectors {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (s *Server) showMetrics() handler {
	show := adaptor.HTTPHandler(promhttp.HandlerFor(s.o.Registry, promhttp.HandlerOpts{}))
	return func(c *fiber.Ctx, _ caller) error { return show(c) }
}

// measure counts answers by the route as it is registered, so that ids do not
// become labels.
func (s *Server) measure(c *fiber.Ctx) error {
	began := time.Now()
	err := c.Next()
	if err != nil {
		if wrote := s.fail(c, err); wrote != nil {
			return wrote
		}
	}
	s.m.seconds.Observe(time.Since(began).Seconds())
	s.m.requests.WithLabelValues(c.Method(), c.Route().Path, strconv.Itoa(c.Response().StatusCode())).Inc()
	return nil
}
