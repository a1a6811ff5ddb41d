package station

import (
	"crypto/tls"
	"fmt"
	"path/filepath"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/certs"
	"github.com/watchpost-edge/watchpost/appliance/internal/health"
)

// certificates are what the box shows to browsers and to pillars.
type certificates struct {
	ca         *certs.CA
	http, mqtt *certs.Keeper
	clients    *tls.Config // of the broker's TLS
}

func (s *Station) openCertificates() error {
	dir := filepath.Join(s.cfg.Data.Dir, "tls")
	public := s.cfg.HTTP.PublicHost()
	ca, err := certs.OpenCA(dir, s.cfg.Station.ID+"-"+s.cfg.Station.Box, certs.Names(public))
	if err != nil {
		return err
	}
	s.certs.ca = ca
	names := func() []string { return append(certs.Names(public), certs.Addresses(public)...) }
	h, m := s.cfg.HTTP.TLS, s.cfg.MQTT.TLS
	if s.certs.http, err = certs.NewKeeper(certs.Options{Use: "http", CertFile: h.CertFile, KeyFile: h.KeyFile, CA: ca, Dir: dir, Names: names, Log: s.log}); err != nil {
		return err
	}
	if s.certs.mqtt, err = certs.NewKeeper(certs.Options{Use: "mqtt", CertFile: m.CertFile, KeyFile: m.KeyFile, CA: ca, Dir: dir, Names: names, Log: s.log}); err != nil {
		return err
	}
	// A pillar that has a certificate shows it; the others have passwords.
	s.certs.clients = s.certs.mqtt.Config()
	s.certs.clients.ClientAuth, s.certs.clients.ClientCAs = tls.VerifyClientCertIfGiven, ca.Pool()
	if m.ClientCAFile != "" {
		if s.certs.clients.ClientCAs, err = certs.Pool(m.ClientCAFile); err != nil {
			return fmt.Errorf("mqtt.tls.client_ca_file: %w", err)
		}
	}
	return nil
}

const (
	certificateWarn = 14 * 24 * time.Hour
	authorityWarn   = 180 * 24 * time.Hour // every device has to be visited
)

// certificateFindings are files that were not taken, and an end that is near:
// the box's own are made anew long before.
func (s *Station) certificateFindings() []health.Finding {
	var found []health.Finding
	if end := s.certs.ca.Expires(); time.Until(end) < authorityWarn {
		day := end.Format(time.DateOnly)
		found = append(found, health.Finding{Code: "certificate_old", Subject: "ca", Text: "the box's own CA ends on " + day + ": move tls/ca.crt and tls/ca.key away, start again, and let every device take the new /ca.crt", Params: said("case", "authority", "day", day)})
	}
	for use, keeper := range map[string]*certs.Keeper{"http": s.certs.http, "mqtt": s.certs.mqtt} {
		if why := keeper.Trouble(); why != "" {
			found = append(found, health.Finding{Code: "certificate_old", Subject: use, Text: "the new certificate is not in force: " + why, Params: said("case", "untaken", "why", why)})
		} else if end := keeper.Expires(); time.Until(end) < certificateWarn {
			found = append(found, health.Finding{Code: "certificate_old", Subject: use, Text: "the certificate ends on " + end.Format(time.DateOnly) + ": put a new one into its files", Params: said("day", end.Format(time.DateOnly))})
		}
	}
	return found
}
