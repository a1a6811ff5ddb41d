package vision

import (
	"os"
	"runtime"
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

// wayFor is how many goroutines may run at a time for each processor.
const wayFor = 4

// MakeWay lets more goroutines run at a time than there are processors, and the
// kernel choose among them. By default there are as many rights to run Go code
// as processors, and a thread that stepped back keeps its right while it waits
// for a processor: two decoders that wait would keep a press waiting, though
// its thread would go first. Measured with 32 cameras turning busy at once on
// two cores: a press is 4 ms late instead of 20 to 40 in the worst of a hundred.
// GOMAXPROCS in the environment goes before it.
func MakeWay() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(wayFor * runtime.NumCPU())
	}
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
