// Command firmware-sim is a whole fake station: cameras, alarm pillars, drones,
// phones, partners and a headquarters that speak the wire protocols of contracts.md and nothing
// else, switched on and off and made to fail over an HTTP control.
//
// It imports nothing of the box it is used to test, so that both sides would
// have to make the same mistake for it to go unseen. It refuses a
// configuration with any problem in it, naming all of them. Everything it
// throws dice for comes from one seed, which it prints.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("firmware-sim", flag.ContinueOnError)
	flags.SetOutput(stderr)
	path := flags.String("config", "", "configuration `file` (YAML)")
	seed := flags.Uint64("seed", 0, "seed of all dice; 0: a random one")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitOK
		}
		return exitUsage
	}
	if *path == "" || flags.NArg() > 0 {
		fmt.Fprintln(stderr, "usage: firmware-sim -config FILE [-seed N]")
		return exitUsage
	}
	for *seed == 0 {
		*seed = rand.Uint64()
	}
	fmt.Fprintln(stdout, "seed", *seed)

	// The first signal is graceful; after it the default is back, so that the
	// second one ends the process at once.
	ctx, restore := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, restore)
	defer restore()
	if err := simulate(ctx, *path, *seed, slog.New(slog.NewTextHandler(stderr, nil))); err != nil {
		fmt.Fprintln(stderr, "firmware-sim:", err)
		return exitError
	}
	return exitOK
}

func simulate(ctx context.Context, path string, seed uint64, log *slog.Logger) error {
	conf, err := loadConfig(path)
	if err != nil {
		return err
	}
	s, err := newStation(conf, seed, log)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}
