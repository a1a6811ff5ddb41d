package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/watchpost-edge/watchpost/bridge/evidence"
)

// verifyEvidence tells whether a bundle is as it left the box. It needs no
// configuration and no network: it is meant for another machine.
func verifyEvidence(args []string, out, errs io.Writer) error {
	flags := flag.NewFlagSet("watchpost verify", flag.ContinueOnError)
	flags.SetOutput(errs)
	keyFile := flags.String("key", "", "`file` with the box's public key (box-key.public.pem); default: the one inside the bundle, which proves less")
	if err := flags.Parse(args); err != nil {
		return err
	}
	path := flags.Arg(0)
	if flags.NArg() > 1 { // verify BUNDLE -key FILE
		if err := flags.Parse(flags.Args()[1:]); err != nil {
			return err
		}
		if flags.NArg() > 0 {
			return errors.New("verify: name one bundle")
		}
	}
	if path == "" {
		return errors.New("verify: name the bundle")
	}
	var key ed25519.PublicKey
	if *keyFile != "" {
		text, err := os.ReadFile(*keyFile)
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		if key, err = evidence.ParsePublicKey(text); err != nil {
			return fmt.Errorf("verify: %s: %w", *keyFile, err)
		}
	}
	bundle, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	defer bundle.Close()
	info, err := bundle.Stat()
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("verify: %s is not a file", path)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	report, err := evidence.Verify(ctx, bundle, info.Size(), key)
	if err != nil {
		return err
	}
	if err := report.Print(out, path); err != nil {
		return err
	}
	if !report.Good() {
		return errReported
	}
	return nil
}
