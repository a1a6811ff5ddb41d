// Package fault owns how simulated devices fail: named faults whose dice are
// thrown from one seed, ports that can be closed and opened again at the same
// address, and the difference between stopping and being killed.
//
// It refuses unknown fault names, and it never decides by the wall clock or a
// global source of randomness: the same seed and the same order of questions
// give the same answers. It has no goroutines of its own.
package fault

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// ErrKilled is the cancellation cause of a device that dies without a word:
// connections are reset, nothing is said goodbye to.
var ErrKilled = errors.New("killed")

// Fault is one way to misbehave. Probabilities are 0..1, thrown per packet or
// per frame; the zero Fault is a healthy device.
type Fault struct {
	Name          string
	Hangup        bool          // all connections are closed when it begins
	Silent        bool          // connections are accepted, nothing is ever sent
	Keyless       bool          // key frames are left out
	Resizes       bool          // the picture changes to another size, if the device has one
	Refuses       bool          // no user name and no password is right
	InBand        bool          // parameter sets come with key frames only
	Wraps         bool          // RTP timestamps wrap two seconds after it began
	Freezes       bool          // RTP timestamps stand still
	Undated       bool          // no sender reports
	Misdated      bool          // sender reports with times that cannot be
	DropPacket    float64       // per media packet: it is lost
	SwapPacket    float64       // per media packet: it leaves after the one behind it
	CorruptPacket float64       // per media packet: some of its bytes are others
	CloseSession  float64       // per frame: all connections are closed
	CloseEvery    time.Duration // how often all connections are closed
	JumpFrame     float64       // per frame: timestamps go on from somewhere else
	DelayFrame    float64       // per frame: it leaves late, and so does what follows
	DelayMax      time.Duration // a late frame waits up to this long
	DelayAnswer   time.Duration // every answer to a request waits this long
}

// None is the name that clears a fault.
const None = "none"

func known() []Fault {
	return []Fault{
		{Name: None},
		{Name: "silent", Silent: true},
		{Name: "slow", DelayFrame: 0.2, DelayMax: 800 * time.Millisecond, DelayAnswer: 500 * time.Millisecond},
		{Name: "closing", CloseSession: 0.02},
		{Name: "expiring", CloseEvery: 30 * time.Second},
		{Name: "losing", DropPacket: 0.05},
		{Name: "reordering", SwapPacket: 0.05},
		{Name: "corrupting", CorruptPacket: 0.05},
		{Name: "jumping", JumpFrame: 0.02},
		{Name: "wrapping", Hangup: true, Wraps: true},
		{Name: "frozen", Freezes: true},
		{Name: "keyless", Keyless: true},
		{Name: "resizing", Resizes: true},
		{Name: "refusing", Hangup: true, Refuses: true},
		{Name: "in_band", Hangup: true, InBand: true},
		{Name: "undated", Hangup: true, Undated: true},
		{Name: "misdated", Misdated: true},
	}
}

// Names lists the faults that Named knows.
func Names() []string {
	names := make([]string, 0, len(known()))
	for _, f := range known() {
		names = append(names, f.Name)
	}
	return names
}

// Named is the fault of that name.
func Named(name string) (Fault, error) {
	for _, f := range known() {
		if f.Name == name {
			return f, nil
		}
	}
	return Fault{}, fmt.Errorf("find fault %q: want one of %s", name, strings.Join(Names(), ", "))
}

// Status is what an Injector is doing, for people.
type Status struct {
	Name             string     `json:"name"`
	Until            *time.Time `json:"until,omitempty"` // absent: until cleared
	DroppedPackets   uint64     `json:"dropped_packets"`
	SwappedPackets   uint64     `json:"swapped_packets"`
	CorruptedPackets uint64     `json:"corrupted_packets"`
	ClosedSessions   uint64     `json:"closed_sessions"`
	Jumps            uint64     `json:"jumps"`
	DelayedFrames    uint64     `json:"delayed_frames"`
}

// Injector throws the dice for one device. It is safe for concurrent use.
type Injector struct {
	mu     sync.Mutex
	dice   *rand.Rand
	fault  Fault
	until  time.Time // zero: until cleared
	news   bool      // set since Begun was asked
	closed time.Time // when CloseEvery last did, or began to count
	status Status
}

// NewInjector is a healthy device's injector; subject makes its dice its own.
func NewInjector(seed uint64, subject string) *Injector {
	h := fnv.New64a()
	_, _ = h.Write([]byte(subject)) // a hash never fails to write
	return &Injector{dice: rand.New(rand.NewPCG(seed, h.Sum64()))}
}

// Set puts f in force for d, or until the next Set when d is 0.
func (i *Injector) Set(f Fault, d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fault, i.until, i.news, i.closed = f, time.Time{}, true, time.Now()
	if d > 0 {
		i.until = time.Now().Add(d)
	}
}

// Status tells the fault in force and what it has done since the start.
func (i *Injector) Status() Status {
	i.mu.Lock()
	defer i.mu.Unlock()
	s := i.status
	s.Name = i.current().Name
	if s.Name == "" {
		s.Name = None
	}
	if s.Name != None && !i.until.IsZero() {
		until := i.until.UTC().Truncate(time.Millisecond)
		s.Until = &until
	}
	return s
}

// Now is the fault in force.
func (i *Injector) Now() Fault {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.current()
}

// Silent reports whether the device sends nothing at all.
func (i *Injector) Silent() bool { return i.Now().Silent }

// Begun reports once that a fault was set.
func (i *Injector) Begun() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	news := i.news
	i.news = false
	return news
}

// DropPacket reports whether this media packet is lost.
func (i *Injector) DropPacket() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.hit(i.current().DropPacket, &i.status.DroppedPackets)
}

// SwapPacket reports whether this media packet leaves after the one behind it.
func (i *Injector) SwapPacket() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.hit(i.current().SwapPacket, &i.status.SwappedPackets)
}

// CorruptPacket changes some bytes of this media packet, or none.
func (i *Injector) CorruptPacket(payload []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(payload) == 0 || !i.hit(i.current().CorruptPacket, &i.status.CorruptedPackets) {
		return
	}
	for range 1 + i.dice.IntN(8) {
		payload[i.dice.IntN(len(payload))] ^= byte(1 + i.dice.IntN(255))
	}
}

// CloseSession reports whether all connections close now.
func (i *Injector) CloseSession() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	f := i.current()
	if f.CloseEvery > 0 && time.Since(i.closed) >= f.CloseEvery {
		i.closed = time.Now()
		i.status.ClosedSessions++
		return true
	}
	return i.hit(f.CloseSession, &i.status.ClosedSessions)
}

// Jump is how far timestamps jump with this frame: mostly 0, else up to an
// hour to either side, in ticks of the rate.
func (i *Injector) Jump(rate int) uint32 {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.hit(i.current().JumpFrame, &i.status.Jumps) {
		return 0
	}
	return uint32(int32((i.dice.Float64()*2 - 1) * 3600 * float64(rate)))
}

// FrameDelay is how long this frame waits; mostly 0.
func (i *Injector) FrameDelay() time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	f := i.current()
	if !i.throw(f.DelayFrame) {
		return 0
	}
	i.status.DelayedFrames++
	return time.Duration(i.dice.Float64() * float64(f.DelayMax))
}

// AnswerDelay is how long an answer to a request waits.
func (i *Injector) AnswerDelay() time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.current().DelayAnswer
}

// Uint32 is a random number from the device's own dice.
func (i *Injector) Uint32() uint32 {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.dice.Uint32()
}

// current is the fault in force; the caller holds the lock.
func (i *Injector) current() Fault {
	if !i.until.IsZero() && time.Now().After(i.until) {
		i.fault, i.until = Fault{}, time.Time{}
	}
	return i.fault
}

// throw does not touch the dice when p is 0, so that a healthy stretch does
// not change what a later fault does.
func (i *Injector) throw(p float64) bool {
	return p > 0 && i.dice.Float64() < p
}

// hit throws the dice and counts.
func (i *Injector) hit(p float64, count *uint64) bool {
	is := i.throw(p)
	if is {
		*count++
	}
	return is
}
