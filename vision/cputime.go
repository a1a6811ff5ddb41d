package vision

import (
	"syscall"
	"time"
)

// rusageThread is RUSAGE_THREAD of Linux (getrusage(2)).
const rusageThread = 1

// cpuTime is the processor time that the calling thread has spent so far. The
// goroutine must be locked to its thread.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(rusageThread, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
