package vision

import (
	"math"
	"slices"
	"time"
)

// A stream that holds hardly any noise between its keys leaves nothing to
// compare by its pixels. Yet a live camera's pictures are seldom exactly the
// same, and a frozen one's are, once the encoder has settled: some encoders go
// to and fro between a few.
const (
	echoMarks = 8   // newest pictures that count as the one before
	echoFew   = 100 // pictures, before it is known how often they are the same
	echoLeast = 20  // in a row tell; 4 s of looks
	echoTimes = 3   // times the longest row of a live camera
	echoSure  = 30  // improbability of the row, as a natural logarithm
	echoMost  = 4096
	echoLoose = 5 // others between two keys: it is alive
)

// echoes counts how often the pictures of one camera, or their sizes, are
// exactly as others a moment ago.
type echoes struct {
	marks     [echoMarks]uint64
	n         int
	run       int     // such in a row
	before    int     // and in that which the newest key ended
	others    int     // since the newest key
	longest   float64 // row of a live camera
	same, all float64 // pictures of it
}

// take takes the next picture, which follows the one before without a key
// between them.
func (e *echoes) take(mark uint64) {
	seen := slices.Contains(e.marks[:min(e.n, echoMarks)], mark)
	e.marks[e.n%echoMarks] = mark
	if e.n++; seen {
		e.run++
		return
	}
	e.others++
	e.learn(e.run)
	e.run = 0
	if e.all++; e.all >= echoMost {
		e.all, e.same, e.longest = e.all/2, e.same/2, e.longest*3/4
	}
}

// learn takes a row of a live camera.
func (e *echoes) learn(run int) {
	e.same, e.all, e.longest = e.same+float64(run), e.all+float64(run), max(e.longest, float64(run))
}

// key ends a row, and begins anew. Whether the camera lived in it the key after
// that will tell: a live camera's differs from this one.
func (e *echoes) key(mark uint64, differs bool) {
	if !differs {
		e.before, e.run = 0, 0
	}
	e.learn(e.before)
	e.before = e.run
	e.begin(mark)
}

// begin forgets the row.
func (e *echoes) begin(mark uint64) {
	e.run, e.others, e.n = 0, 0, 1
	e.marks[0] = mark
}

// improbable tells whether a live camera does not send such a row, of at least
// so many.
func (e *echoes) improbable(least int) bool {
	return e.all >= echoFew && e.run >= least && float64(e.run) >= echoTimes*e.longest &&
		float64(e.run)*-math.Log((e.same+1)/(e.all+2)) >= echoSure
}

// An encoder that looks ahead (libx264, libx265) makes a key better when what
// follows is the same: such a key costs more than those before it, though it
// shows the same place with as much noise. Where nothing follows it either it is
// the first of a frozen picture. That is all there is to see in a stream that
// holds no noise but in its keys, until the next key is like it.
const (
	oddFew   = 3    // newest keys, which must agree
	oddAlike = 1.03 // times the smallest of them, at most
	oddMore  = 1.06 // times the largest of them, at least
	oddNoise = 1.25 // times the noise of other keys, at most
	oddLasts = 5 * time.Second
)

// costs are the sizes of the newest keys.
type costs struct{ keys ring }

// odd tells whether the key costs more than it should.
func (c *costs) odd(bytes int) bool {
	if c.keys.size == 0 {
		c.keys.size = oddFew
	}
	defer c.keys.add(float64(bytes))
	if len(c.keys.values) < oddFew {
		return false
	}
	most := slices.Max(c.keys.values)
	return most <= oddAlike*slices.Min(c.keys.values) && float64(bytes) >= oddMore*most
}
