// Command watchpost is the edge appliance of a police station's command room:
// cameras, drones and alarm pillars in, incidents on the wall, alerts up.
//
// main owns flags, signals and the exit code, and is the only importer of the
// packages that need cgo.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/station"
	"github.com/watchpost-edge/watchpost/bridge/uplink/webhook"
)

// version is set by the build (-X main.version=…).
var version = "development"

const usage = `watchpost: the edge appliance of a command room

  watchpost run      -config FILE
  watchpost check    -config FILE             every problem of a configuration, each with its key
  watchpost analyze  -config FILE -camera ID -video FILE|rtsp://…  [-mot FILE] [-events FILE] [-preview FILE.mp4] [-live]
                                              the camera's rules over footage: tuning and back-testing
  watchpost user     add|passwd|list|disable  -config FILE [-role ROLE] [-password-file FILE] [NAME]
  watchpost certificate  -config FILE [-out DIR] PILLAR   a pillar's client certificate: it then needs no password
  watchpost journal  tail|export|verify|salvage|restored  -config FILE [-after PLACE] [-n COUNT] [-from DIR]
  watchpost verify   BUNDLE [-key FILE]       is this evidence as it left the box?
  watchpost version
`

// errReported ends the process with 1 after everything was said.
var errReported = errors.New("reported")

func main() {
	err := command(os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case !errors.Is(err, errReported):
		fmt.Fprintln(os.Stderr, "watchpost:", err)
	}
	os.Exit(1)
}

func command(args []string, out, errs io.Writer) error {
	if len(args) == 0 {
		fmt.Fprint(errs, usage)
		return errReported
	}
	switch args[0] {
	case "run":
		return run(args[1:], errs)
	case "check":
		return check(args[1:], out, errs)
	case "analyze":
		return analyze(args[1:], out, errs)
	case "user":
		return user(args[1:], out, errs)
	case "certificate":
		return certificate(args[1:], out, errs)
	case "journal":
		return journalCommand(args[1:], out, errs)
	case "verify":
		return verifyEvidence(args[1:], out, errs)
	case "version":
		fmt.Fprintln(out, version)
		return nil
	case "help", "-h", "-help", "--help":
		fmt.Fprint(out, usage)
		return nil
	}
	return fmt.Errorf("unknown command %q; `watchpost help` lists them", args[0])
}

// configFlag makes a flag set with -config, which every command needs.
func configFlag(name string, errs io.Writer) (*flag.FlagSet, *string) {
	flags := flag.NewFlagSet("watchpost "+name, flag.ContinueOnError)
	flags.SetOutput(errs)
	return flags, flags.String("config", "", "configuration `file`")
}

// parse is flags.Parse for a command that takes flags only: a word too many is
// more likely a flag that was forgotten. What is wrong with a flag was said.
func parse(flags *flag.FlagSet, args []string) error {
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil:
		return errReported
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected %q; `%s -h` shows the flags", flags.Arg(0), flags.Name())
	}
	return nil
}

func load(path string) (*config.Config, error) { return judge(path, nil) }

// judge is load for who asks whether all of it is good: with secret the files
// are judged too that a running box reads anew at every attempt.
func judge(path string, secret func(path string) error) (*config.Config, error) {
	if path == "" {
		return nil, errors.New("-config is missing; name the configuration file")
	}
	return config.Load(path, config.Supported{Rule: station.CheckRule, Secret: secret})
}

func check(args []string, out, errs io.Writer) error {
	flags, path := configFlag("check", errs)
	if err := parse(flags, args); err != nil {
		return err
	}
	cfg, err := judge(*path, webhook.CheckSecret)
	var problems config.Problems
	switch {
	case errors.As(err, &problems):
		for _, p := range problems {
			fmt.Fprintln(out, p)
		}
		return errReported
	case err != nil:
		return err
	}
	fmt.Fprintf(out, "%s is good: station %s, %s\n", *path, cfg.Station.ID, strings.Join([]string{
		count(len(cfg.Cameras), "camera"), count(len(cfg.Pillars), "pillar"), count(len(cfg.Drones), "drone"), count(len(cfg.Uplinks), "uplink"),
	}, ", "))
	return nil
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
