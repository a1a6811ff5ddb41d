package vision

import (
	"math"
	"sync"
	"time"
)

// Budget is the decoding that the whole box has to give, as a bucket of
// processor time. Nothing is put off in it: what cannot be had now is left
// out, and counted by who asked. Its methods may be called from many goroutines; a nil
// Budget gives all.
type Budget struct {
	rate  float64       // processor seconds a second
	burst time.Duration // at most so much is saved up
	turns chan struct{} // as many decode at a time as there are processors for it

	mu     sync.Mutex
	have   time.Duration
	last   time.Time
	opened time.Time // when a camera that was shed was let in last
	short  time.Time // when one was shed last
	now    func() time.Time
}

// budgetBurst is how many seconds of the rate may be saved up, for many cameras
// that open at once.
const budgetBurst = 2

// reopening is about what it costs until a camera that opens has looked back
// and shows what it takes from then on (1080p, a key every 2 s).
const reopening = 800 * time.Millisecond

// NewBudget makes a budget of rate processor seconds a second.
func NewBudget(rate float64) *Budget {
	b := &Budget{rate: rate, burst: time.Duration(rate * budgetBurst * float64(time.Second)), now: time.Now}
	b.turns = make(chan struct{}, max(1, int(math.Ceil(rate))))
	b.have, b.last = b.burst, b.now()
	return b
}

// Grant tells whether a camera may go on decoding. A P0 camera may until all is
// spent twice over, the others leave something for those above them.
func (b *Budget) Grant(priority string) bool {
	if b == nil {
		return true
	}
	least := map[string]float64{"P0": -1, "P1": 0, "P2": 0.15}
	floor, ok := least[priority]
	if !ok {
		floor = 0.3
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill()
	return float64(b.have) >= floor*float64(b.burst)
}

// leisureAfter is how long no camera must have been shed before the box looks
// where nobody expects anything: after a storm they all come to rest first.
const leisureAfter = 30 * time.Second

// Spare tells whether the box has so much left that it may look where nobody
// expects anything.
func (b *Budget) Spare() bool {
	if b == nil {
		return true
	}
	share := b.Share()
	b.mu.Lock()
	defer b.mu.Unlock()
	return share >= 0.8 && (b.short.IsZero() || b.now().Sub(b.short) >= leisureAfter)
}

// Short says that a camera was shed: the box did not have what it needed.
func (b *Budget) Short() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.short = b.now()
}

// Reopen tells whether a camera that was shed may decode everything again: with
// less saved up it would be shed again at once, and all for nothing. They are
// let in one after another: what one costs is known only after it was.
func (b *Budget) Reopen(priority string) bool {
	if b == nil || priority == "P0" {
		return b.Grant(priority)
	}
	least := 0.6
	if priority == "P1" {
		least = 0.3
	}
	if b.Share() < least {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if now.Sub(b.opened) < time.Duration(float64(reopening)/max(b.rate, 0.1)) {
		return false
	}
	b.opened = now
	return true
}

// aPicture is about what looking back costs a picture (1080p).
const aPicture = 14 * time.Millisecond

// Advance pays for so many pictures before they are decoded, and returns what
// gives the money back, for they are paid for one by one too. So when many
// cameras open in the same second, as many look back as can, and the others know
// at once that they cannot: if all began, none would be done in time.
func (b *Budget) Advance(pictures int) func() {
	d := time.Duration(pictures) * aPicture
	b.Spend(d)
	return func() { b.Spend(-d) }
}

// Turn waits until a processor is free for one picture, and returns what gives
// it back. Who waits long falls behind, and is refused its next Grant.
func (b *Budget) Turn() func() {
	if b == nil {
		return func() {}
	}
	b.turns <- struct{}{}
	aside := b.Aside()
	return func() {
		<-b.turns
		aside()
	}
}

// Aside is a turn that waits for nobody, and is paid for like any.
//
// What is paid is the time that it took on this box, not the processor's share
// of it: with others at work a second of decoding takes two, and a budget that
// did not know would promise what is not there.
func (b *Budget) Aside() func() {
	if b == nil {
		return func() {}
	}
	began := b.now()
	return func() { b.Spend(b.now().Sub(began)) }
}

// Share is how much of what may be saved up is there, 0..1.
func (b *Budget) Share() float64 {
	if b == nil {
		return 1
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill()
	return max(0, float64(b.have)/float64(max(1, b.burst)))
}

// Spend takes what decoding has cost. It may go below zero: who was granted a
// picture finishes it.
func (b *Budget) Spend(d time.Duration) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill()
	b.have = min(b.burst, max(-2*b.burst, b.have-d))
}

func (b *Budget) refill() {
	now := b.now()
	b.have = min(b.burst, b.have+time.Duration(b.rate*float64(now.Sub(b.last))))
	b.last = now
}
