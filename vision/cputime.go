package vision

import (
	"syscall"
	"time"
)

// rusageThread is RUSAGE_THREAD of Linux (getrusage(2)).
const rusageThread = 1

// analysisNice is how much others on the box come first: a press must not wait
// for thirty-two decoders.
const analysisNice = 10

// yield has the calling thread step back behind all others of the process. It
// cannot be taken back: the thread must end with its goroutine.
func yield() {
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, analysisNice) // 0: this thread; without it, it only is less polite
}

// cpuTime is the processor time that the calling thread has spent so far. The
// goroutine must be locked to its thread.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(rusageThread, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
