package station

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	mqttuplink "github.com/watchpost-edge/watchpost/bridge/uplink/mqtt"
	natsuplink "github.com/watchpost-edge/watchpost/bridge/uplink/nats"
	webhookuplink "github.com/watchpost-edge/watchpost/bridge/uplink/webhook"
)

// makeUplink makes the transport of an uplink by its kind.
func (s *Station) makeUplink(u config.Uplink) (bridge.Uplink, error) {
	id, box, log := s.cfg.Station.ID, s.cfg.Station.Box, s.log.With("uplink", u.Name)
	switch u.Kind {
	case "mqtt":
		return mqttuplink.New(mqttuplink.Options{
			URL: u.URL, Station: id, Box: box, Username: u.Username, PasswordFile: u.PasswordFile,
			CAFile: u.CAFile, CertFile: u.CertFile, KeyFile: u.KeyFile, Logger: log,
		})
	case "webhook":
		return webhookuplink.New(webhookuplink.Options{
			URL: u.URL, SecretFile: u.SecretFile, CAFile: u.CAFile, CertFile: u.CertFile, KeyFile: u.KeyFile, Logger: log,
		})
	case "nats":
		return natsuplink.New(natsuplink.Options{
			URL: u.URL, Stream: u.Stream, Station: id, Box: box, Username: u.Username, PasswordFile: u.PasswordFile,
			CAFile: u.CAFile, CertFile: u.CertFile, KeyFile: u.KeyFile, Logger: log,
			StateFile: filepath.Join(s.cfg.Data.Dir, "uplinks", url.PathEscape(u.Name), "holes.json"),
		})
	}
	return nil, fmt.Errorf("kind %q is not built in this version", u.Kind)
}

// lineAfter is how long the line up may be gone before that is an event: a
// reconnect is none.
const lineAfter = 3 * time.Second

// watchUplinks tells the desk when the line to a headquarters stands and when
// it has gone. It is one that stands when headquarters listens behind it.
func (s *Station) watchUplinks(ctx context.Context) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	told := map[string]string{}
	changed := map[string]time.Time{}
	now := map[string]string{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		s.deferred.again(ctx)
		for _, st := range s.forwarder.Status() {
			in := desk.DeviceIn{Device: st.Name, Type: "uplink", State: "online"}
			switch {
			case !st.Connected:
				in.State, in.Why = "offline", st.LastError
			case !st.Listening:
				in.State, in.Why = "silent", "the broker is there, headquarters does not listen"
			}
			if now[st.Name] != in.State {
				now[st.Name], changed[st.Name] = in.State, time.Now()
			}
			in.Since = changed[st.Name]
			if in.State == told[st.Name] || in.State != "online" && time.Since(in.Since) < lineAfter {
				continue
			}
			if s.persist(ctx, s.log.With("uplink", st.Name), func() error { _, err := s.desk.Handle(ctx, in); return err }) != nil {
				return nil
			}
			told[st.Name] = in.State
		}
	}
}
