package station

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// stage is one part of the box at work. run returns when its context has ended
// and all its goroutines have, or when it can go on no more.
type stage struct {
	name string
	run  func(context.Context) error
}

// How long a stage may take to end.
const (
	stageSlow = 10 * time.Second // then it is worth a line in the log
	stageHung = 30 * time.Second // then the process ends without it
)

// hungStatus is the exit status of a process that had to leave a stage behind.
// Nothing acknowledged is lost by that: what was acknowledged is in the journal.
const hungStatus = 3

// runStages starts the stages in order and, when ctx ends or one of them
// fails, stops them in the opposite order, each after the one started behind
// it has ended: data runs dry from the sources on. It returns the first error.
// A stage that hangs must not keep a box alive that takes no presses any more:
// exit is called then, and does not return in a process.
func runStages(ctx context.Context, log *slog.Logger, stages []stage, exit func(status int)) error {
	type running struct {
		stage
		cancel context.CancelFunc
		ended  chan struct{}
	}
	failed := make(chan error, len(stages))
	var all []running
	for _, s := range stages {
		own, cancel := context.WithCancel(context.WithoutCancel(ctx))
		r := running{stage: s, cancel: cancel, ended: make(chan struct{})}
		all = append(all, r)
		go func() {
			defer close(r.ended)
			err := r.run(own)
			switch {
			case own.Err() == nil && err == nil:
				failed <- fmt.Errorf("run %s: ended by itself", r.name)
			case own.Err() == nil:
				failed <- fmt.Errorf("run %s: %w", r.name, err)
			case err != nil && !errors.Is(err, context.Canceled):
				log.Error("a part of the box did not end well", "part", r.name, "err", err)
			}
		}()
	}
	var first error
	select {
	case <-ctx.Done():
		log.Info("stopping")
	case first = <-failed:
		log.Error("a part of the box cannot go on, stopping all", "err", first)
	}
	for i := len(all) - 1; i >= 0; i-- {
		all[i].cancel()
		slow := time.AfterFunc(stageSlow, func() { log.Warn("still waiting for a part to end", "part", all[i].name) })
		hung := time.AfterFunc(stageHung, func() {
			log.Error("a part does not end: the process ends without it, nothing acknowledged is lost", "part", all[i].name, "waited", stageHung, "because", first)
			exit(hungStatus)
		})
		<-all[i].ended
		slow.Stop()
		hung.Stop()
	}
	return first
}
