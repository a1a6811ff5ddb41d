package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/watchpost-edge/watchpost/appliance/internal/certs"
)

// certificate issues a pillar's client certificate by the box's own CA: with
// it the pillar needs no password.
func certificate(args []string, out, errs io.Writer) error {
	flags, path := configFlag("certificate", errs)
	dir := flags.String("out", ".", "`folder` for ID.crt, ID.key and ca.crt")
	if err := flags.Parse(args); err != nil {
		return err
	}
	cfg, err := load(*path)
	if err != nil {
		return err
	}
	id := flags.Arg(0)
	known := false
	for _, p := range cfg.Pillars {
		known = known || p.ID == id
	}
	if flags.NArg() != 1 {
		return fmt.Errorf("certificate: name one pillar after the flags, not %q", flags.Args())
	}
	if !known {
		return fmt.Errorf("certificate: pillar %q is not in %s: add it there first", id, *path)
	}
	ca, err := certs.OpenCA(filepath.Join(cfg.Data.Dir, "tls"), cfg.Station.ID+"-"+cfg.Station.Box, certs.Names(cfg.HTTP.PublicHost()))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*dir, 0o700); err != nil {
		return fmt.Errorf("make folder for certificate of %s: %w", id, err)
	}
	certPath, keyPath, err := ca.IssueClient(*dir, id)
	if err != nil {
		return err
	}
	caPath := filepath.Join(*dir, "ca.crt")
	if err := os.WriteFile(caPath, ca.PEM(), 0o644); err != nil {
		return fmt.Errorf("write %s: %w", caPath, err)
	}
	fmt.Fprintf(out, "%s\n%s\n%s\n", certPath, keyPath, caPath)
	return nil
}
