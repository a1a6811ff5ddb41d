package station

import (
	"fmt"
	"net"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
)

// openWall makes the wall from the parts and opens its ports.
func (s *Station) openWall() error {
	users, err := access.OpenUsers(s.cfg.Data.Dir)
	if err != nil {
		return err
	}
	tokens, err := access.OpenTokens(s.cfg.Data.Dir, time.Now)
	if err != nil {
		return err
	}
	if s.sessions, err = access.OpenSessions(s.cfg.Data.Dir, users, tokens, time.Now); err != nil {
		return err
	}
	if s.told, err = access.OpenTold(s.cfg.Data.Dir, users); err != nil {
		return err
	}
	s.setup = access.NewSetup(users)
	st := s.cfg.Station
	s.wall, err = wall.New(wall.Options{
		Listen: s.cfg.HTTP.Listen, Insecure: s.cfg.HTTP.Insecure, AnonymousWall: s.cfg.Auth.AnonymousWall, IdleLock: time.Duration(s.cfg.Auth.IdleLock),
		TLSListen: s.cfg.HTTP.TLS.Listen, TLS: s.certs.http.Config(), PublicURL: s.cfg.HTTP.PublicURL, CA: s.certs.ca.PEM(),
		UDP: s.cfg.WebRTC.UDP, TCP: s.cfg.WebRTC.TCP, Version: s.version,
		Station: wall.Station{ID: st.ID, Box: st.Box, Name: st.Name, Language: st.Language, Timezone: st.Timezone, Position: wallPosition(st.Position)},
		Desk:    s.desk, Journal: s.journal, Devices: wallDevices{s}, Receipts: s.receipts, Downlink: s, Video: s, Files: wallFiles{s}, Partners: s.partnerLines, Forces: s.positions, StaleAfter: time.Duration(s.cfg.Forces.StaleAfter), Blind: s.blindLog, Review: s.review, Sheets: s.sheets, Evidence: s, Warnings: s.board,
		Users: users, Sessions: s.sessions, Tokens: tokens, Setup: s.setup, Acts: s.acts(), Ready: s.ready, Access: s.access, Registry: s.registry, Log: s.log,
	})
	if err != nil {
		return err
	}
	return s.wall.Open()
}

// inviteFirst prints the link that makes the first administrator, as long as
// there is nobody who could log in. It stands nowhere else.
func (s *Station) inviteFirst() error {
	secret, err := s.setup.Needed()
	if err != nil {
		return fmt.Errorf("look for users: %w", err)
	}
	if secret != "" {
		s.log.Warn("nobody can log in yet: open this link, once, to make the first administrator", "url", s.wall.URL()+"/setup#"+secret)
	}
	return nil
}

func addressOf(a net.Addr) string {
	if a == nil {
		return ""
	}
	return a.String()
}
