package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// errSwitchedOff is the cause of an ordinary stop.
var errSwitchedOff = errors.New("switched off")

// machine is what a camera, pillar, drone and headquarters have in common.
type machine interface {
	// Open takes what the device needs; it is running when Open returns.
	Open() error
	// Run works until ctx ends; its cause may be fault.ErrKilled. An error
	// means that it ended by itself.
	Run(ctx context.Context) error
}

// device is a machine with a switch.
type device struct {
	machine
	kind, id  string
	automatic bool // switched on at the beginning
	log       *slog.Logger

	mu     sync.Mutex // held while switching: one switch at a time
	cancel context.CancelCauseFunc
	ended  chan struct{} // of the present Run; nil when off
}

// on switches the device on; a device that runs stays as it is.
func (d *device) on() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended != nil {
		select {
		case <-d.ended: // it failed by itself
		default:
			return nil
		}
	}
	if err := d.Open(); err != nil {
		return fmt.Errorf("start %s %s: %w", d.kind, d.id, err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	ended := make(chan struct{})
	d.cancel, d.ended = cancel, ended
	go func() {
		defer close(ended)
		if err := d.Run(ctx); err != nil {
			d.log.Error("ended by itself", d.kind, d.id, "err", err)
		}
	}()
	return nil
}

// off switches the device off and returns when it is.
func (d *device) off(cause error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended == nil {
		return
	}
	d.cancel(cause)
	<-d.ended
	d.ended = nil
}
